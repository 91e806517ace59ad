import { ActionIcon, Button, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import classes from './fields.module.css'

/** A list of equal things in a form: rows with a button that removes each, and one that adds another. */
export function ListFields<T>({
  label,
  description,
  one,
  items,
  onChange,
  make,
  children,
}: {
  label: string
  description?: ReactNode
  /** What one of them is called: `constraint`. */
  one: string
  items: T[]
  onChange: (items: T[]) => void
  make: () => T
  children: (item: T, change: (changed: Partial<T>) => void, place: number) => ReactNode
}) {
  const [keys, setKeys] = useState(() => items.map((_, place) => place))
  const keyOf = (place: number) => keys[place] ?? -1 - place
  const add = () => {
    setKeys([...items.map((_, place) => keyOf(place)), Math.max(-1, ...keys) + 1])
    onChange([...items, make()])
  }
  const remove = (place: number) => {
    setKeys(items.map((_, other) => keyOf(other)).filter((_, other) => other !== place))
    onChange(items.filter((_, other) => other !== place))
  }
  return (
    <fieldset className={classes.group}>
      <Text component="legend" size="sm" fw={600}>
        {label}
      </Text>
      {description && (
        <Text size="xs" className="quiet">
          {description}
        </Text>
      )}
      {items.map((item, place) => (
        <fieldset key={keyOf(place)} className={classes.row} aria-label={`${one} ${place + 1}`}>
          <div className={classes.rowFields}>
            {children(
              item,
              (changed) => onChange(items.map((other, at) => (at === place ? { ...item, ...changed } : other))),
              place,
            )}
          </div>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Remove ${one} ${place + 1}`}
            onClick={() => remove(place)}
          >
            ×
          </ActionIcon>
        </fieldset>
      ))}
      <Button size="compact-xs" variant="default" mt={6} onClick={add}>
        Add a {one}
      </Button>
    </fieldset>
  )
}
