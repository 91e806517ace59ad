import { Group, Text } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { BeforeAfter } from '../components/before-after.tsx'
import { Notice } from '../components/notice.tsx'
import { When } from '../components/when.tsx'
import { wordsOf } from './actions.ts'
import { EditChange, RemoveChange } from './change-actions.tsx'
import classes from './change-panel.module.css'

type Change = schemas['Change']
type Conflict = schemas['ChangeConflict']

/** What a payload has to say what it is about, beside what is to be. */
const ADDRESS = new Set(['strategyId', 'segmentKey', 'planId', 'milestoneId'])
const REPLACED = new Set(['updateFlag', 'updateStrategy', 'updateSegment', 'updateMilestone', 'reorderStrategies'])
const REMOVED = new Set(['deleteStrategy', 'deleteSegment'])

/** One change: before and wanted, and what stands against it. */
export function ChangePanel({
  request,
  change,
  editable,
}: {
  request: schemas['ChangeRequest']
  change: Change
  /** Whether it can still be edited or taken out. */
  editable: boolean
}) {
  const { action, flagKey, payload, createdBy, snapshotAt } = change
  const { words, about } = wordsOf(change)
  const conflicts = request.conflicts.filter(({ changeId }) => changeId === change.id)
  const [before, after] = sides(change)
  const ids = Object.entries(payload).filter(([name]) => ADDRESS.has(name))
  return (
    <section className={`panel ${classes.change}`} aria-label={`${action} ${flagKey ?? ''}`}>
      <div className={classes.head}>
        <Text component="h3" size="sm" fw={600}>
          {words} <span className="mono">{about}</span>
        </Text>
        <Text size="xs" className="quiet" component="div">
          by {createdBy}, {request.state === 'applied' ? 'looked at' : 'as it was'} <When at={snapshotAt} />
        </Text>
        {editable && (
          <Group gap={6}>
            <EditChange request={request} change={change} />
            <RemoveChange request={request} change={change} />
          </Group>
        )}
      </div>
      {ids.length > 0 && (
        <Text size="xs" className="quiet mono">
          {ids.map(([name, value]) => `${name} ${value}`).join(' · ')}
        </Text>
      )}
      {(before !== undefined || Object.keys(after ?? {}).length > 0) && <BeforeAfter before={before} after={after} />}
      {conflicts.map((conflict) => (
        <ConflictPanel key={`${conflict.kind} ${conflict.field}`} conflict={conflict} />
      ))}
    </section>
  )
}

/** What differs, of the target: only the fields that the change sets; all of what it makes or removes. */
function sides({ action, payload, snapshot }: Change): [before: unknown, after: Record<string, unknown> | undefined] {
  if (REMOVED.has(action)) return [snapshot ?? {}, {}]
  const wanted = Object.fromEntries(Object.entries(payload).filter(([name]) => !ADDRESS.has(name)))
  if (!REPLACED.has(action)) return [trees(wanted), said(wanted)]
  return [Object.fromEntries(Object.keys(wanted).map((name) => [name, snapshot?.[name]])), wanted]
}

/** Without what is empty: of something new, that is how everything begins. */
function said(wanted: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (value: unknown) => value === null || value === '' || (Array.isArray(value) && value.length === 0)
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => !isEmpty(value)))
}

/** What it is compared with, so that each field of an object has a line. */
function trees(wanted: Record<string, unknown>): Record<string, unknown> {
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  return Object.fromEntries(
    Object.entries(wanted)
      .filter(([, value]) => isObject(value))
      .map(([name]) => [name, {}]),
  )
}

const KINDS: Record<Conflict['kind'], string> = {
  changed: 'was changed',
  gone: 'is gone',
  exists: 'is there already',
  archived: 'was archived',
}

function ConflictPanel({ conflict: { target, kind, field, before, now, wanted, event } }: { conflict: Conflict }) {
  const show = (value: unknown) => <span className="mono">{JSON.stringify(value)}</span>
  return (
    <Notice
      title={`${kind === 'changed' && field ? `${field} of ` : ''}${target} ${KINDS[kind]}${event ? ` by ${event.actor}` : ''}`}
    >
      {kind === 'changed' && (
        <div>
          It was {show(before)}, is {show(now)}
          {wanted !== null && wanted !== undefined && <>, and would become {show(wanted)}</>}.
        </div>
      )}
      {event && (
        <div>
          Event {event.id}, <span className="mono">{event.type}</span>, <When at={event.createdAt} />
        </div>
      )}
    </Notice>
  )
}
