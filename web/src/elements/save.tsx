// A file made here, of what was loaded.
type SaveProps = { label: string; name: string; type: string; text: () => string };

export function Save({ label, name, type, text }: SaveProps) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([text()], { type }));
    const anchor = document.createElement('a');
    anchor.href = url;
    anchor.download = name;
    anchor.click();
    URL.revokeObjectURL(url);
  };
  return (
    <button type="button" onClick={save}>
      {label}
    </button>
  );
}
