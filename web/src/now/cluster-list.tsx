import { Button, Modal, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useReadOnly } from '../api/session.ts'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { nameOf, type TimelineItem } from './items.ts'
import type { Move } from './moving.ts'
import classes from './timeline.module.css'

/** A screen reader's patience, and a browser's. */
const SHOWN = 200

/** Things of one lane that lie too close together to be drawn. */
export function ClusterList({
  title,
  items,
  move,
  close,
}: {
  title: string
  items: TimelineItem[]
  move: Move
  close: () => void
}) {
  return (
    <Modal
      opened={items.length > 0}
      onClose={close}
      title={title}
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
      styles={{ title: { fontWeight: 600 } }}
    >
      <ItemRows items={items} label={title} move={move} before={close} />
    </Modal>
  )
}

/** Things as a list, in the order in which they are given. */
export function ItemRows({
  items,
  label,
  move,
  before = () => {},
}: {
  items: TimelineItem[]
  label: string
  move: Move
  /** What is done before one of them is moved. */
  before?: () => void
}) {
  return (
    <>
      <ul className={`panel ${classes.rows}`} aria-label={label}>
        {items.slice(0, SHOWN).map((item) => (
          <li key={item.id} className={classes.row}>
            <When at={new Date(item.from).toISOString()} />
            <Link {...item.link} className={classes.wrap}>
              {nameOf(item)}
            </Link>
            <Status of={item.status} />
            <MoveButton item={item} move={move} before={before} />
          </li>
        ))}
      </ul>
      {items.length > SHOWN && (
        <Text size="sm" mt="xs">
          And {(items.length - SHOWN).toLocaleString('en')} more. Look at less time at once, or at one flag, to see
          them.
        </Text>
      )}
    </>
  )
}

function MoveButton({
  item: { schedule, from },
  move,
  before,
}: {
  item: TimelineItem
  move: Move
  before: () => void
}) {
  const readOnly = useReadOnly()
  if (!schedule || readOnly) return null
  return (
    <Button
      size="compact-xs"
      variant="default"
      onClick={() => {
        before()
        move.ask(schedule, from)
      }}
    >
      Move
    </Button>
  )
}
