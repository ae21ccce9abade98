/** Croner, in the process alone: nothing is stored. */
import { Cron } from 'croner'

export async function open(_uri, run) {
  return {
    async start() {},
    async add(jobs) {
      for (const job of jobs) new Cron(new Date(job.due), () => run(job))
    },
  }
}
