/** Draft: the types of triggers. */
export type Weekday = string
export interface DateTrigger {
  readonly type: 'date'
  readonly run_date?: Date | string
  readonly timezone?: string
  readonly exclude?: readonly Exclusion[]
}
export type Exclusion = Date | string | { readonly from: Date | string; readonly to: Date | string }
export type Trigger = DateTrigger
