/** `tidewheel import apscheduler`: the jobs of an APScheduler store, as scripts/export_apscheduler.py writes them.
 *  A job calls its Python function by the script run_func.py, which is put into the workspace; with a map of functions to tasks it calls
 *  the task. Ids, schedules and next run times stay. Whatever does not come along is said job by job. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { TidewheelError } from '../errors.ts'
import { type ApschedulerFound, fromApscheduler, RUN_FUNC } from '../moving/apscheduler.ts'
import { addSettings, type Call, run, withExample } from './call.ts'
import { readFuncMap } from './func-map.ts'
import { bring, type ImportOptions, withImportFlags } from './import-jobs.ts'
import { foreignScripts, writeScripts } from './import-scripts.ts'
import { inputOf } from './input.ts'

interface Options extends ImportOptions {
  readonly funcMap?: string
  readonly script?: string
  readonly python?: string
}

export const importApschedulerCommand = () =>
  withExample(
    addSettings(
      withImportFlags(
        new Command('apscheduler')
          .description('the jobs of an APScheduler store, which go on to call their Python functions')
          .argument('<file>', 'what scripts/export_apscheduler.py wrote; - is stdin')
          .option(
            '--func-map <file>',
            'JSON: Python functions that are tasks here, such as {"reports:daily": "report:daily"}',
          )
          .option('--script <path>', `where the workspace has the script that calls the others (default: ${RUN_FUNC})`)
          .option('--python <path>', 'the interpreter that it names in its first line (default: python3 of the node)'),
        'nothing',
      ),
      ['workspace'],
    ).action(
      run(['timezone', 'workspace'], async (call, options: Options, file: string) => {
        const { workspace, timezone } = call.settings
        const { script = RUN_FUNC, ip, prefix } = options
        if (!isBelow(script)) throw wrong('script', `expected a path below the workspace, such as ${RUN_FUNC}`, script)
        const funcs = await readFuncMap(options.funcMap)
        const { text } = await inputOf(file)
        const found = fromApscheduler(text, {
          funcs,
          script,
          ...(ip !== undefined && { ip }),
          ...(prefix !== undefined && { prefix }),
          ...(timezone !== undefined && { timezone }),
        })
        const scripts = found.scripted.length === 0 ? [] : [runFunc(script, options.python)]
        say(call, found, script)
        for (const { path: below } of workspace === undefined ? [] : foreignScripts(workspace, scripts)) {
          call.out.note(`${below}: is there, and not as an import wrote it; it stays as it is.`)
        }
        await bring(call, options, {
          ...found,
          source: 'apscheduler',
          ...(workspace !== undefined && { prepare: () => writeScripts(workspace, scripts) }),
        })
      }),
    ),
    [
      'python3 scripts/export_apscheduler.py --sqlalchemy sqlite:///jobs.sqlite | tidewheel import apscheduler - --dry-run',
      'tidewheel import apscheduler jobs.jsonl --workspace ./app --python ./app/.venv/bin/python',
    ],
    'Python modules are looked for in the workspace and on PYTHONPATH, which scripts have from their node. Stop the scheduler first.',
  )

function say({ settings, out }: Call, { scripted, patient }: ApschedulerFound, script: string): void {
  if (patient.length > 0) {
    out.note(
      `${patient.length} of the jobs had the default of one second as misfire_grace_time; they have that of here, 60.`,
    )
  }
  if (scripted.length > 0 && settings.workspace === undefined) {
    out.note(`Put scripts/run_func.py into the workspace of each node as ${script}, or give --workspace.`)
  }
}

const isBelow = (script: string) => !path.isAbsolute(script) && !script.split(/[/\\]/).includes('..') && script !== ''

/** As it lies in the package; its first line is the interpreter's. */
function runFunc(script: string, python: string | undefined) {
  if (python !== undefined && /\s/.test(python)) throw wrong('python', 'expected a path without blanks', python)
  const [, ...lines] = readFileSync(inPackage('scripts/run_func.py'), 'utf8').split('\n')
  // A relative path in a first line would count from wherever the script is called.
  const interpreter = python?.includes('/') ? path.resolve(python) : `/usr/bin/env ${python ?? 'python3'}`
  return { path: script, interpreter, text: lines.join('\n') }
}

/** A file of the package, wherever below it this one lies. */
function inPackage(below: string): string {
  for (let folder = path.dirname(fileURLToPath(import.meta.url)); ; folder = path.dirname(folder)) {
    const file = path.join(folder, below)
    if (existsSync(file)) return file
    if (folder === path.dirname(folder)) throw new Error(`the package lacks ${below}`)
  }
}

const wrong = (flag: string, expected: string, found: string) =>
  new TidewheelError('invalid_option', `--${flag}: ${expected}; found ${JSON.stringify(found)}`, { path: flag })
