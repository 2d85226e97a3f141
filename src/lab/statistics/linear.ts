/** A square matrix's inverse by Gauss and Jordan with pivoting; undefined where it has none. */
export function inverse(matrix: readonly (readonly number[])[]): number[][] | undefined {
  const size = matrix.length;
  const rows = matrix.map((row, index) => [...row, ...row.map((_, column) => (column === index ? 1 : 0))]);
  for (let column = 0; column < size; column++) {
    const pivot = pivotRow(rows, column);
    const head = rows[pivot]?.[column] ?? 0;
    if (Math.abs(head) < Number.MIN_VALUE * 2 ** 60) return undefined;
    const chosen = (rows[pivot] as number[]).map((value) => value / head);
    rows[pivot] = rows[column] as number[];
    rows[column] = chosen;
    for (const [index, row] of rows.entries()) {
      const factor = row[column] as number;
      if (index !== column) rows[index] = row.map((value, place) => value - factor * (chosen[place] as number));
    }
  }
  return rows.map((row) => row.slice(size));
}

function pivotRow(rows: readonly (readonly number[])[], column: number): number {
  let best = column;
  for (let index = column + 1; index < rows.length; index++) {
    if (Math.abs(rows[index]?.[column] ?? 0) > Math.abs(rows[best]?.[column] ?? 0)) best = index;
  }
  return best;
}
