/** A p-value as people write it: `0.012`, `1.6 × 10⁻⁶`. */
export function pText(value: number | null): string {
  if (value === null) return '–';
  if (value === 0 || value >= 0.001) return String(Number(value.toPrecision(2)));
  const [digits, exponent] = value.toExponential(1).split('e-');
  return `${digits} × 10⁻${Array.from(exponent, (digit) => SUPERSCRIPTS[Number(digit)]).join('')}`;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';
