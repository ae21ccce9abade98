/** Index: every public name of the package. */

export { type DueJob, dueRuns } from './claim/due.ts'
export type { BulkAction, BulkOptions, BulkResult } from './client/bulk.ts'
export { type Client, type ConnectOptions, connect } from './client/connect.ts'
export type { Page } from './client/cursor.ts'
export type { DrainPreview } from './client/drain-preview.ts'
export type { EventsOptions, EventsQuery, PlacedEvent } from './client/events.ts'
export type { History } from './client/history.ts'
export type { JobChange, Jobs, RevisionOption } from './client/jobs.ts'
export type { JobsPage, JobsPageOptions, JobsSort } from './client/jobs-page.ts'
export type { ListedNode, Nodes } from './client/nodes.ts'
export type { RecentRun } from './client/recent.ts'
export { revisionOf } from './client/revision.ts'
export type { RunsPageOptions } from './client/runs-page.ts'
export type { Percentiles, Stats, StatsOptions } from './client/stats.ts'
export type { Lane, Timeline, TimelineOptions, TimelineRun } from './client/timeline.ts'
export type { ListedUser, NewToken, Users } from './client/users.ts'
export { type JobFilter, type JobStatus, statusesOf } from './client/which.ts'
export type { Clock } from './clock.ts'
export type { NodeInfo } from './cluster/lease.ts'
export { type ErrorCode, type Problem, TidewheelError } from './errors.ts'
export { type EventOf, type EventType, type Failure, ofType, type TidewheelEvent } from './event.ts'
export type { Run, Task } from './executor/executor.ts'
export type { ExecutorOptions, ExecutorsOption } from './executor/executors.ts'
export type { WorkspaceFile } from './executor/workspace.ts'
export type { Execution } from './history/rows.ts'
export type { FlatJob, Job, JobChanges, JobInput, JobState, Retry, RunningEntry } from './job/job.ts'
export { validateJob } from './job/parse.ts'
export type { Logger } from './log.ts'
export { type Config, defineConfig } from './node/config.ts'
export { createNode, type NodeStatus, schedule$, type TidewheelNode } from './node/node.ts'
export type { NodeOptions } from './node/options.ts'
export type { PipelineRun } from './run/pipeline.ts'
export { type PreviewOptions, previewTrigger, type TriggerPreview } from './trigger/preview.ts'
export {
  type AndTrigger,
  type CronTrigger,
  type CrontabTrigger,
  type DateTrigger,
  type Exclusion,
  fireTimes,
  type IntervalTrigger,
  nextFireTime,
  type OrTrigger,
  type Trigger,
} from './trigger/trigger.ts'
export type { Role, Token, User } from './user/user.ts'
