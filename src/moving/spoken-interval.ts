/** Spoken interval: `3 minutes`, `one hour and 30 seconds`, as the parts of an interval trigger.
 *  In: text as the library human-interval reads it. Out: weeks, days, hours, minutes, seconds; a month has 30 days and a year 365, as
 *  there. Undefined: a word of it is not understood, where that library would guess (to it `an hour` is no time at all). */

export type Parts = Readonly<Partial<Record<(typeof UNITS)[number], number>>>

const UNITS = ['weeks', 'days', 'hours', 'minutes', 'seconds'] as const

const MEANS: Readonly<Record<string, readonly [(typeof UNITS)[number], number]>> = {
  second: ['seconds', 1],
  minute: ['minutes', 1],
  hour: ['hours', 1],
  day: ['days', 1],
  week: ['weeks', 1],
  month: ['days', 30],
  year: ['days', 365],
}

const ONES =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'
const WORDS: ReadonlyMap<string, number> = new Map([
  ...ONES.split(' ').map((word, number) => [word, number] as const),
  ...TENS.split(' ').map((word, index) => [word, 20 + 10 * index] as const),
])

const PART = /^([a-z\d. -]*?) ?\b(second|minute|hour|day|week|month|year)s?(?: |$)/

export function spokenInterval(text: string): Parts | undefined {
  const sum: Partial<Record<(typeof UNITS)[number], number>> = {}
  let rest = text
    .toLowerCase()
    .replace(/(\d)(?=[a-z])/g, '$1 ')
    .replace(/(?:[,;\s]|\band\b)+/g, ' ')
    .trim()
  while (rest !== '') {
    const [all, amount = '', word = ''] = PART.exec(rest) ?? []
    const means = MEANS[word]
    const number = numberOf(amount)
    if (all === undefined || means === undefined || number === undefined) return undefined
    const [unit, times] = means
    sum[unit] = (sum[unit] ?? 0) + number * times
    rest = rest.slice(all.length)
  }
  return Object.values(sum).some(part => part > 0) ? sum : undefined
}

/** Nothing is one. */
function numberOf(text: string): number | undefined {
  if (text === '') return 1
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text)
  const parts = text.split(/[ -]/).map(word => WORDS.get(word))
  const [tens, ones] = parts
  if (parts.length === 1) return tens
  const isPair = parts.length === 2 && tens !== undefined && ones !== undefined && tens >= 20 && ones > 0 && ones < 10
  return isPair ? tens + ones : undefined
}
