/** Write: one guarded change of a job document, as data.
 *  In the files beside it stand all that a node makes, as pure functions from what it was computed from to a filter and an update; the
 *  writer sends them. Classic operators only: a pipeline update is logged as a diff, which would hide `touch` from the streams' filter.
 *  An absent field is asked for by `$exists`, a null one by `$type`: plain null matches both, and would act on a job that a person
 *  just changed. */

export type Fields = Readonly<Record<string, unknown>>

export interface Write {
  /** The id and what the write was computed from: it changes nothing that somebody has edited since. */
  readonly filter: Fields & { readonly _id: string }
  /** Without `touch`, which the writer stamps. Absent: the document is removed. */
  readonly update?: Fields
}

/** The value that memory has of a date field: ms, null or undefined (absent). NaN stands for what JavaScript has no date for. */
export const isExactly = (stored: number | null | undefined): unknown =>
  stored === undefined
    ? { $exists: false }
    : stored === null
      ? { $type: 'null' }
      : Number.isNaN(stored)
        ? { $ne: null, $not: { $gte: new Date(-LAST_DATE), $lte: new Date(LAST_DATE) } }
        : new Date(stored)

/** The first and the last date are so many ms from the epoch. */
const LAST_DATE = 8.64e15

/** A field as a document has it; undefined: absent. */
export const isField = (value: unknown): unknown => (value === undefined ? { $exists: false } : value)

/** The state of a job whose own one is of no use: copied from elsewhere, or malformed. */
export const freshState = (id: string): Fields => ({ job: id })
