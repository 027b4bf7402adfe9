/** The first place in ascending values[from, to) that is not below `value`; `to` where there is none. */
export function lowerBound(values: Float64Array, value: number, from: number, to: number): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (values[middle] < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
