/** `tidewheel user`: who may come in over HTTP.
 *  Passwords are asked for without an echo, or come from stdin; a token is shown once. Nothing that is stored can be read back. */
import { Command } from 'commander'
import { nearest, TidewheelError } from '../errors.ts'
import type { ListedUser, NewToken, Role } from '../index.ts'
import { ROLES } from '../user/user.ts'
import { addSettings, run, withClient, withExample } from './call.ts'
import { instantOf, timeCell } from './instant.ts'
import { secretOf } from './secret.ts'

export function userCommand(): Command {
  const user = new Command('user').description('who may come in over HTTP: users, roles, passwords, tokens')
  for (const command of [
    listCommand(),
    addCommand(),
    passwdCommand(),
    roleCommand(),
    removeCommand(),
    tokenCommand(),
    revokeCommand(),
  ]) {
    user.addCommand(command)
  }
  return user
}

const ROLE_WORDS = `${ROLES.join(', ')}: reads; and steers jobs, runs, nodes; and changes what there is`
const PASSWORD_WORDS = 'the password is all of stdin, without the end of its line'

const listCommand = () =>
  withExample(
    addSettings(new Command('list').description('users by name, with their tokens'), ['timezone']).action(
      run(['timezone'], async ({ settings, out }) => {
        const users = await withClient(settings, client => client.users.list())
        const head = ['NAME', 'ROLE', 'TOKEN', 'ITS ROLE', 'CREATED', 'LAST USED', 'EXPIRES']
        out.rows(
          users,
          head,
          users.flatMap(user => rowsOf(user, settings.timezone)),
        )
        if (users.length === 0 && !out.json) {
          out.note('There is no user yet: HTTP is served on this machine only, and everybody on it is an admin.')
        }
      }),
    ),
    ['tidewheel user list', 'tidewheel user list --json'],
  )

/** One for each token. */
function rowsOf({ _id, role, tokens }: ListedUser, timezone: string | undefined): readonly (readonly string[])[] {
  if (tokens.length === 0) return [[_id, role, '-', '-', '-', '-', '-']]
  return tokens.map(token => {
    const times = [token.created, token.last_used, token.expires].map(time => timeCell(time, timezone))
    return [_id, role, token.name, token.role ?? role, ...times]
  })
}

const addCommand = () =>
  withExample(
    new Command('add')
      .description('add a user, with a password that is asked for')
      .argument('<name>')
      .requiredOption('--role <role>', ROLE_WORDS)
      .option('--password-stdin', PASSWORD_WORDS)
      .action(
        run([], async ({ settings, out }, { role, passwordStdin = false }: AddFlags, name: string) => {
          const checked = roleOf(role)
          const password = await secretOf(passwordStdin)
          const user = await withClient(settings, client => client.users.add(name, { role: checked, password }))
          out.result(user, [`${name}: added, ${checked}`])
        }),
      ),
    ['tidewheel user add ann --role admin', 'tidewheel user add ci --role operator --password-stdin < password'],
  )

interface AddFlags {
  readonly role: string
  readonly passwordStdin?: boolean
}

const passwdCommand = () =>
  withExample(
    new Command('passwd')
      .description('another password; its tokens stay')
      .argument('<user>')
      .option('--password-stdin', PASSWORD_WORDS)
      .action(
        run([], async ({ settings, out }, { passwordStdin = false }: { passwordStdin?: boolean }, name: string) => {
          const password = await secretOf(passwordStdin)
          const user = await withClient(settings, client => client.users.passwd(name, password))
          const { length } = user.tokens
          const stay = length === 0 ? '' : `; its ${length === 1 ? 'token stays' : `${length} tokens stay`}`
          out.result(user, [`${name}: has another password${stay}`])
        }),
      ),
    ['tidewheel user passwd ann'],
  )

const roleCommand = () =>
  withExample(
    new Command('role')
      .description('another role; no token of it counts for more')
      .argument('<user>')
      .argument('<role>', ROLE_WORDS)
      .action(
        run([], async ({ settings, out }, _, name: string, role: string) => {
          const checked = roleOf(role)
          const user = await withClient(settings, client => client.users.role(name, checked))
          out.result(user, [`${name}: ${checked}`])
        }),
      ),
    ['tidewheel user role ann operator'],
  )

const removeCommand = () =>
  withExample(
    new Command('remove')
      .description('remove a user with all tokens')
      .argument('<user>')
      .action(
        run([], async ({ settings, out }, _, name: string) => {
          const left = await withClient(settings, async client => {
            await client.users.remove(name)
            return (await client.users.list()).length
          })
          out.result({ _id: name, removed: true }, [`${name}: removed`])
          if (left === 0)
            out.note('There is no user left: HTTP is open to everybody on its machine, and to nobody else.')
        }),
      ),
    ['tidewheel user remove ann'],
  )

interface TokenFlags {
  readonly label?: string
  readonly role?: string
  readonly expires?: string
}

const tokenCommand = () =>
  withExample(
    new Command('token')
      .description('a token for a program, shown once')
      .argument('<user>')
      .option('--label <label>', 'what it is for; default: token-1 and so on')
      .option('--role <role>', "at most the user's (default)")
      .option('--expires <time>', 'from then on it is worth nothing; default: never')
      .action(
        run([], async ({ settings, out }, { label, role, expires }: TokenFlags, name: string) => {
          const { timezone = 'UTC' } = settings
          const wanted: NewToken = {
            ...(label !== undefined && { label }),
            ...(role !== undefined && { role: roleOf(role) }),
            ...(expires !== undefined && { expires: instantOf(expires, 'expires', timezone) }),
          }
          const token = await withClient(settings, client => client.users.token(name, wanted))
          out.result({ user: name, token }, [token])
          out.note('It is not shown again. A program sends it as the header: Authorization: Bearer TOKEN')
        }),
      ),
    ['tidewheel user token ann --label grafana --role viewer'],
  )

const revokeCommand = () =>
  withExample(
    new Command('revoke')
      .description('take a token away')
      .argument('<user>')
      .argument('<label>')
      .action(
        run([], async ({ settings, out }, _, name: string, label: string) => {
          await withClient(settings, client => client.users.revoke(name, label))
          out.result({ _id: name, revoked: label }, [`${name}: the token ${label} is worth nothing any more`])
        }),
      ),
    ['tidewheel user revoke ann grafana'],
  )

/** Before a password is asked for. Throws `invalid_option`. */
function roleOf(text: string): Role {
  const role = ROLES.find(known => known === text)
  if (role !== undefined) return role
  const near = nearest(text, ROLES)
  const advice = near === undefined ? '' : `; did you mean ${near}?`
  const message = `role: expected ${ROLES.join(', ')}, found ${JSON.stringify(text)}${advice}`
  throw new TidewheelError('invalid_option', message, { path: 'role' })
}
