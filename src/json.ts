/** Json: values as JSON text, wherever they are shown.
 *  In: what MongoDB and nodes hold. Out: its text. JSON has no whole numbers beyond the safe ones: they become text, as MongoDB's
 *  timestamps do by themselves. Pure. */

export const toJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part), indent)
