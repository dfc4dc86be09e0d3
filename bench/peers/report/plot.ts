export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
  /** Drawn in the strong colour. */
  readonly ours: boolean;
}

const WIDTH = 760;
const ROW = 30;
const LABELS = 190;
const VALUES = 110;
const TOP = 46;

/**
 * Horizontal bars as an SVG image, values written beside them. `logarithmic` where the values span orders of magnitude:
 * then bars start at a tenth of the smallest, and only their order and distance count.
 */
export function barPlot(options: {
  readonly title: string;
  readonly note: string;
  readonly bars: readonly Bar[];
  readonly logarithmic: boolean;
}): string {
  const { bars } = options;
  const length = scale(
    bars.map((bar) => bar.value),
    options.logarithmic,
  );
  const rows = bars.map((bar, index) => {
    const y = TOP + index * ROW;
    const width = Math.max(1, length(bar.value) * (WIDTH - LABELS - VALUES));
    return [
      text(LABELS - 8, y + 16, bar.label, 'end'),
      `<rect x="${LABELS}" y="${y + 3}" width="${width.toFixed(1)}" height="18" rx="2" fill="${bar.ours ? '#1f6feb' : '#9aa4b2'}"/>`,
      text(LABELS + width + 6, y + 16, bar.text, 'start'),
    ].join('\n');
  });
  const height = TOP + bars.length * ROW + 12;
  const note = options.logarithmic ? `${options.note}; logarithmic` : options.note;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>${escaped(options.title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="20" font-weight="600" fill="#1c2128">${escaped(options.title)}</text>
<text x="12" y="37" font-size="11" fill="#57606a">${escaped(note)}</text>
${rows.join('\n')}
</svg>
`;
}

function scale(values: readonly number[], logarithmic: boolean): (value: number) => number {
  const largest = Math.max(...values);
  if (!logarithmic) return (value) => (largest > 0 ? value / largest : 0);
  const least = Math.min(...values.filter((value) => value > 0)) / 10;
  return (value) => (value > 0 ? Math.log(value / least) / Math.log(largest / least) : 0);
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end'): string {
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" fill="#1c2128">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
