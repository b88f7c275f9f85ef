// ONNX Runtime 1.30 has a telemetry client inside: it writes `mat-debug-PID.log` into the folder for temporary files and knows an
// address of Microsoft's. Read when its library is loaded, so this module comes before it.
process.env.ORT_DISABLE_TELEMETRY = '1';
