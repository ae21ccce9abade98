/** scripts/run_func.py: what of a Python function's call arrives there, and what of its end arrives here. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/run_func.py', import.meta.url))
const SHOP = `
import asyncio, decimal, os, sys

def echo(*args, **kwargs):
    return [args, kwargs]

async def later(text):
    await asyncio.sleep(0)
    return text

class Till:
    @staticmethod
    def count(euros):
        return {'euros': euros}

def odd():
    return decimal.Decimal('1.10')

def endless():
    return float('inf')

def silent():
    print('17')

def broken():
    raise LookupError('no such till')

def leave():
    sys.exit(7)
`
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewheel func '))
  await writeFile(join(folder, 'shop.py'), SHOP)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** From the working folder of a run. */
const call = (args: readonly string[], kwargs?: unknown) =>
  new Promise<{ code: number; stdout: string; stderr: string }>(resolve => {
    const env = {
      ...process.env,
      PYTHONDONTWRITEBYTECODE: '1',
      ...(kwargs !== undefined && { TIDEWHEEL_KWARGS: JSON.stringify(kwargs) }),
    }
    execFile(process.env.PYTHON || 'python3', [script, ...args], { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })

test('every kind of JSON value arrives as what it is, in place and by name', async () => {
  const args = [7, '7', 2.5, true, null, '', 'two words; $HOME "x"\n', [1, { a: null }], { b: ['zoë'] }]
  const kwargs = { n: 1, text: '1', deep: { list: [false] } }
  const { code, stdout } = await call(['shop:echo', JSON.stringify(args)], kwargs)
  expect([code, JSON.parse(stdout)]).toEqual([0, [args, kwargs]])
})

test.each([
  ['no arguments at all', ['shop:echo'], '[[], {}]\n'],
  ['a coroutine is awaited', ['shop:later', '["tide"]'], '"tide"\n'],
  ['a function of a class', ['shop:Till.count', '[3]'], '{"euros": 3}\n'],
  ['a result without JSON becomes text', ['shop:odd'], '"1.10"\n'],
  ['a number without JSON becomes text', ['shop:endless'], '"inf"\n'],
  ['what a function prints is not taken for its result', ['shop:silent'], '17\nnull\n'],
])('%s', async (_, args, stdout) => {
  expect(await call(args)).toEqual({ code: 0, stdout, stderr: '' })
})

test.each([
  [
    'an error ends with its traceback and code 1',
    ['shop:broken'],
    1,
    /Traceback[\s\S]*in broken[\s\S]*LookupError: no such till\n$/,
  ],
  ['an exit code is passed on', ['shop:leave'], 7, /^$/],
  ['a module that is not there', ['shops:echo'], 1, /ModuleNotFoundError: No module named 'shops'\n$/],
  ['a function that is not there', ['shop:nothing'], 1, /AttributeError: .*nothing.*\n$/],
  ['no colon', ['shop.echo'], 1, /^run_func: expected module:function, such as reports:daily, found 'shop\.echo'\n$/],
  [
    'arguments that are no array',
    ['shop:echo', '7'],
    1,
    /^run_func: expected the arguments as one JSON array, found 7\n$/,
  ],
  ['arguments one by one', ['shop:echo', '7', '8'], 1, /^run_func: expected MODULE:FUNCTION and a JSON array/],
])('%s', async (_, args, code, complaint) => {
  expect(await call(args)).toEqual({ code, stdout: '', stderr: expect.stringMatching(complaint) })
})
