/** Door: who is it that asks?
 *  In: a request and both ends of its connection. Out: who it is, or nobody. The application's own `auth` decides where it is given;
 *  else a name with a password, or a token, decides by the users of the database. Without any user whoever is on this machine is an
 *  admin. Whoever fails too often waits.
 *  Holds: a database that is away opens nothing. */
import type { Client } from '../client/connect.ts'
import { TidewheelError } from '../errors.ts'
import { isLoopback } from '../loopback.ts'
import { Keys, type Recognised } from '../user/keys.ts'
import { Attempts, networkOf } from './attempts.ts'
import { type Credentials, credentialsOf } from './credentials.ts'
import type { Ends } from './guards.ts'
import type { Who } from './who.ts'

/** Of the application that holds us: null is nobody. */
export type Auth = (request: Request) => Who | null | Promise<Who | null>

export interface Door {
  /** Undefined: nobody we know. Throws a refusal where it may not even try. */
  who(request: Request, ends: Ends): Promise<Who | undefined>
  /** Whether nobody has to say a name. */
  isOpen(): Promise<boolean>
}

/** Whose users they are. */
type Users = Pick<Client, 'users'>

export function doorOf({ users }: Users, auth: Auth | undefined): Door {
  if (auth !== undefined) {
    return { who: async request => (await auth(request)) ?? undefined, isOpen: async () => false }
  }
  const keys = new Keys(users)
  const attempts = new Attempts()
  return {
    who: async (request, ends) => {
      if (await keys.isEmpty()) return isHere(request, ends) ? { user: null, role: 'admin' } : undefined
      const shown = credentialsOf(request.headers.get('authorization'))
      if (shown === undefined) return undefined
      return await recognised(shown, networkOf(ends.remote), keys, attempts)
    },
    isOpen: () => keys.isEmpty(),
  }
}

async function recognised(
  shown: Credentials,
  from: string,
  keys: Keys,
  attempts: Attempts,
): Promise<Recognised | undefined> {
  const marks = [`address ${from}`, ...(shown.kind === 'password' ? [`name ${shown.name}`] : [])]
  const admit = () => attempts.check(marks)
  await admit()
  const found =
    shown.kind === 'token'
      ? await keys.byToken(shown.token)
      : await keys.byPassword(shown.name, shown.password, from, admit)
  if (found === undefined) await attempts.fail(marks)
  // Others may have failed meanwhile: who guesses many at once learns no more than who guesses one after the other.
  else await admit()
  return found
}

/** Headers of those who pass a request on from somewhere else. */
const PASSED_ON = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

/** Whether the request was made on this machine, as far as can be seen. */
const isHere = ({ headers }: Request, { local, remote }: Ends): boolean =>
  isLoopback(local) && isLoopback(remote) && !PASSED_ON.some(name => headers.has(name))

/** Throws `invalid_option` where everybody who reaches this address would be refused, as there is no user: a server that is about
 *  to listen there says so at its start. */
export async function assertServable(address: string, { users }: Users, auth?: Auth): Promise<void> {
  if (auth !== undefined || isLoopback(address) || !(await new Keys(users).isEmpty())) return
  const message = `http: ${address} can be reached from other machines, and there is no user yet`
  const advice = 'Add one: tidewheel user add NAME --role admin; or serve on 127.0.0.1.'
  throw new TidewheelError('invalid_option', `${message}; add one with tidewheel user add NAME --role admin`, {
    path: 'http',
    advice,
  })
}
