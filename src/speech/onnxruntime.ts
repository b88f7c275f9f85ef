// The one way to ONNX Runtime: nothing of what is transcribed here, nor that anything is, is told to anybody.
import './no-telemetry.ts';

export { InferenceSession, Tensor } from 'onnxruntime-node';
