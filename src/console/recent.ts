/** A minute, a point each second. */
export const SPARK_LENGTH = 60;

/** The last values of a figure, oldest first. */
export class Recent {
  readonly values: number[] = [];

  add(value: number): void {
    this.values.push(value);
    if (this.values.length > SPARK_LENGTH) this.values.shift();
  }
}
