/** Fresh timers: a process that has never run anything, in which bare timers or croner call an empty function at given times; it keeps
 *  how late each call comes, as a fresh node does. */
import { Cron } from 'croner'

const [kind, first, count, everyMs] = process.argv.slice(2)
const late: number[] = []

process.once('disconnect', () => process.exit())
for (let i = 0; i < Number(count); i++) {
  const due = Number(first) + i * Number(everyMs)
  const work = () => {
    late.push(performance.timeOrigin + performance.now() - due)
    if (late.length === Number(count)) process.send?.({ type: 'starts', late })
  }
  if (kind === 'croner') new Cron(new Date(due), work)
  else setTimeout(work, due - Date.now())
}
