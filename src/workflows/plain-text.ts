/** Texts of operators and brokers on one line, as text: a list item must not become a heading or a link. */
export function plain(text: string | null): string {
  return (text ?? '').replace(/\s+/g, ' ').replace(/[\\`*_[\]<>#|]/g, '\\$&');
}
