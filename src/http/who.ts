/** Who: whoever asks, and what that person may do. */
import type { Role } from '../user/user.ts'

export { mayAct, ROLES, type Role } from '../user/user.ts'

export interface Who {
  /** Null: nobody had to say a name. */
  readonly user: string | null
  readonly role: Role
}
