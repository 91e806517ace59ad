/** What a workflow needs to know of the row that it works for. */
export interface UntilRow {
  /** Nothing is left to do: the row's status is final. */
  final: boolean
  status: string
  /** Empty when it has no due time. */
  dueAt: string
  /** Milliseconds until it is due by the database's clock, negative when overdue; null when it waits for news alone. */
  dueInMs: number | null
  /** One line for people: what will happen. */
  summary: string
  /** Of what is about a single flag, else empty. */
  flagKey: string
  environment: string
}

/** Of a row that is gone. */
export const DELETED: UntilRow = {
  final: true,
  status: 'deleted',
  dueAt: '',
  dueInMs: null,
  summary: '',
  flagKey: '',
  environment: '',
}

/** What came of an operator's command: what it says to people, in either case. */
export interface CommandResult {
  accepted: boolean
  message: string
}
