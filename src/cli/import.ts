/** `tidewheel import`: jobs that other schedulers keep, brought over. Each of these is a command of its own, below this one. */
import { Command } from 'commander'
import { importAgendaCommand } from './import-agenda.ts'
import { importApschedulerCommand } from './import-apscheduler.ts'
import { importBullmqCommand } from './import-bullmq.ts'
import { importCrontabCommand } from './import-crontab.ts'

/** What can be brought over, a command each. */
const IMPORTS: readonly (() => Command)[] = [
  importCrontabCommand,
  importApschedulerCommand,
  importAgendaCommand,
  importBullmqCommand,
]

export function importCommand(): Command {
  const parent = new Command('import').description('bring over the jobs of another scheduler')
  for (const command of IMPORTS) parent.addCommand(command())
  return parent
}
