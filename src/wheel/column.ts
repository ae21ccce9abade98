/** Column: a number for each row.
 *  It grows by pages, so that nothing long is copied and the event loop does not stand still for it; only the first page begins small.
 *  A row that was never set has 0. */

const BITS = 14
const ROWS = 2 ** BITS
const FEW = 8

type Page = Float64Array | Int32Array | Uint8Array

export class Column {
  readonly #pages: Page[] = []
  readonly #kind: new (
    rows: number,
  ) => Page

  constructor(kind: new (rows: number) => Page) {
    this.#kind = kind
  }

  get(row: number): number {
    return this.#pages[row >> BITS]?.[row & (ROWS - 1)] ?? 0
  }

  set(row: number, value: number): void {
    const at = row & (ROWS - 1)
    let page = this.#pages[row >> BITS]
    while (page === undefined || at >= page.length) page = this.#extend(row >> BITS)
    page[at] = value
  }

  #extend(to: number): Page {
    while (this.#pages.length < to) this.#extend(this.#pages.length)
    const before = this.#pages[to]
    const page = new this.#kind(to > 0 ? ROWS : before === undefined ? FEW : before.length * 2)
    if (before !== undefined) page.set(before)
    this.#pages[to] = page
    return page
  }
}
