/** `tidewheel check`: what is wrong with the database, the nodes and the jobs, each with what to do; exit 1 if anything is.
 *  On a terminal a line for each thing that was looked at, with the advice below it; in a pipe columns parted by tabs. */
import { Command } from 'commander'
import { check, type Finding } from '../client/check.ts'
import { run, withClient, withExample } from './call.ts'
import { colours } from './colours.ts'
import { EXIT } from './exit-codes.ts'
import { isTerminal } from './output.ts'

export const checkCommand = () =>
  withExample(
    new Command('check').description('what is wrong with database, nodes and jobs; exit 1 if anything is').action(
      run([], async ({ settings, out }) => {
        const findings = await withClient(settings, (_, database) => check(database, settings.collections))
        if (isTerminal() && !out.json) out.result(undefined, findings.flatMap(linesOf))
        else out.rows(findings, [], findings.map(rowOf))
        const wrong = findings.filter(({ status }) => status === 'wrong').length
        if (!out.json) out.note(wrong === 0 ? 'Nothing is wrong.' : `${wrong} of ${findings.length} are wrong.`)
        if (wrong > 0) process.exitCode = EXIT.failed
      }),
    ),
    ['tidewheel check', 'tidewheel check --json | jq \'.[] | select(.status == "wrong")\''],
  )

const rowOf = ({ status, check: what, found, advice = '' }: Finding): readonly string[] => [status, what, found, advice]

const WIDEST = 'invalid jobs '.length + 1
const MARKS: Readonly<Record<Finding['status'], string>> = {
  ok: colours.green('ok   '),
  note: colours.yellow('note '),
  wrong: colours.red('wrong'),
}

function linesOf({ status, check: what, found, advice }: Finding): readonly string[] {
  const line = `${MARKS[status]}  ${what.padEnd(WIDEST)}  ${found}`
  return advice === undefined ? [line] : [line, `       ${colours.dim(advice)}`]
}
