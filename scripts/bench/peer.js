/** One measurement of another scheduler, in a process that has never run anything: `peer.js agenda URI crowd '{"jobs":1000}'`.
 *  It tells its parent how late each run was, or how many ran a second. All jobs are one-shots. Two processes make an edit: one that
 *  runs (`edited`), and one that adds a job at each message (`edits`). Who takes too long is given up, and what ran counts. */

/** From the insert to the first due time. */
const AHEAD_MS = 3_000
const LIMIT_MS = 60_000
const [name, uri, work, options] = process.argv.slice(2)
const { jobs: count, everyMs = 0 } = JSON.parse(options)
const { open } = await import(`./${name}.js`)

const late = []
const run = ({ due, sent }) => {
  if (sent !== undefined) process.send({ type: 'told', ms: Number(process.hrtime.bigint() - BigInt(sent)) / 1e6 })
  late.push(performance.timeOrigin + performance.now() - due)
}
const ran = async () => {
  const limit = performance.now() + LIMIT_MS
  while (late.length < count && performance.now() < limit) await new Promise(resolve => setTimeout(resolve, 20))
}
const dues = first => Array.from({ length: count }, (_, i) => ({ due: first + i * everyMs }))

process.once('disconnect', () => process.exit())
const peer = await open(uri, run)
if (work === 'edits') {
  process.on('message', () => void peer.add([{ due: Date.now(), sent: String(process.hrtime.bigint()) }]))
  process.send({ type: 'active' })
} else if (work === 'edited') {
  await peer.start()
  process.send({ type: 'active' })
} else if (work === 'storm') {
  await peer.add(dues(Date.now()))
  const began = performance.now()
  await peer.start()
  await ran()
  process.send({ type: 'measured', rate: (late.length * 1_000) / (performance.now() - began) })
} else {
  await peer.start()
  // So many at each second, or one after the other.
  const first = Math.ceil((Date.now() + AHEAD_MS) / 1_000) * 1_000
  const each =
    work === 'every-second' ? ({ due }) => ({ due: first + Math.floor((due - first) / 1_000) * 1_000 }) : job => job
  await peer.add(dues(first).map(each))
  await ran()
  process.send({ type: 'measured', late })
}
