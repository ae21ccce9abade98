/** JSON array: many values as one answer, made while it is read.
 *  In: values as they come, and the text of each. Out: a response whose body is an array; no more than a few pages of it are held.
 *  The first page is made before the answer begins: what fails until then is still refused with a status. What fails later cuts the
 *  answer off, so that nobody takes it for whole. */
import { HEADERS } from './guards.ts'

/** So many values go out together. */
const PAGE = 100

export async function jsonArray<T>(values: AsyncIterable<T>, textOf: (value: T) => string): Promise<Response> {
  const iterator = values[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let before = '['
  const page = async () => {
    let text = ''
    for (let n = 0; n < PAGE; n++) {
      const { value, done } = await iterator.next()
      if (done === true) return { text: `${text}${before === '[' ? '[' : ''}]`, done }
      text += before + textOf(value)
      before = ','
    }
    return { text, done: false }
  }
  let first: Awaited<ReturnType<typeof page>> | undefined = await page()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { text, done } = first ?? (await page())
      first = undefined
      controller.enqueue(encoder.encode(text))
      if (done) controller.close()
    },
    async cancel() {
      await iterator.return?.()
    },
  })
  return new Response(body, {
    headers: { ...HEADERS, 'Cache-Control': 'no-store', 'Content-Type': 'application/json' },
  })
}
