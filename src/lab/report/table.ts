/** Cells as they are shown. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A table under its heading. */
export interface NamedTable extends Table {
  readonly title: string;
}
