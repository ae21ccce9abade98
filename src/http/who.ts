/** Who: whoever asks, and what that person may do. */
import { mayAct, type Role } from '../user/user.ts'
import { Refusal } from './refusal.ts'

export { mayAct, ROLES, type Role } from '../user/user.ts'

export interface Who {
  /** Null: nobody had to say a name. */
  readonly user: string | null
  readonly role: Role
}

/** Throws where it may not. */
export function mustBe(needs: Role, { user, role }: Who): void {
  if (mayAct(role, needs)) return
  throw new Refusal(403, 'forbidden', `${user ?? 'you'}: this needs the role ${needs}, yours is ${role}`)
}
