import { Autocomplete, Checkbox, Group, NativeSelect, TagsInput, TextInput } from '@mantine/core'
import classes from './fields.module.css'
import { ListFields } from './list-fields.tsx'
import { type Constraint, mayIgnoreCase, OPERATOR_GROUPS, OPERATORS, takesValues, withOperator } from './operators.ts'
import { TimeInput } from './time-input.tsx'
import { readWallClock, wallClock } from './wall-clock.ts'

const FIELDS = ['userId', 'sessionId', 'email', 'plan', 'country', 'appName', 'remoteAddress', 'currentTime']

const EMPTY: Constraint = {
  contextName: '',
  operator: 'IN',
  values: [],
  inverted: false,
  caseInsensitive: false,
}

/** Conditions on the context, all of which must hold. */
export function ConstraintFields({
  constraints,
  onChange,
  description = 'All of them must hold. A value that the context does not have meets none but “is none of”.',
}: {
  constraints: Constraint[]
  onChange: (constraints: Constraint[]) => void
  description?: string
}) {
  return (
    <ListFields
      label="Constraints"
      description={description}
      one="constraint"
      items={constraints}
      onChange={onChange}
      make={() => EMPTY}
    >
      {(constraint, change) => (
        <>
          <Autocomplete
            className={classes.third}
            size="xs"
            label="Field"
            placeholder="Such as email"
            required
            withAsterisk={false}
            value={constraint.contextName}
            onChange={(contextName) => change({ contextName })}
            data={FIELDS}
          />
          <NativeSelect
            className={classes.third}
            size="xs"
            label="Operator"
            value={constraint.operator}
            onChange={({ currentTarget }) =>
              change({ value: undefined, ...withOperator(constraint, currentTarget.value as Constraint['operator']) })
            }
            data={OPERATOR_GROUPS}
          />
          <div className={classes.third}>
            <Value constraint={constraint} change={change} />
          </div>
          <Group className={classes.all} gap="md">
            <Checkbox
              size="xs"
              label="Not: holds when this does not"
              checked={constraint.inverted}
              onChange={({ currentTarget }) => change({ inverted: currentTarget.checked })}
            />
            {mayIgnoreCase(constraint.operator) && (
              <Checkbox
                size="xs"
                label="In upper or lower case"
                checked={constraint.caseInsensitive}
                onChange={({ currentTarget }) => change({ caseInsensitive: currentTarget.checked })}
              />
            )}
          </Group>
        </>
      )}
    </ListFields>
  )
}

const PLACEHOLDERS = { number: '12 or -0.5', version: '1.2.3', pattern: '^beta-[0-9]+$' }

function Value({ constraint, change }: { constraint: Constraint; change: (changed: Partial<Constraint>) => void }) {
  const { operator, values, value = '' } = constraint
  const { kind } = OPERATORS[operator]
  if (takesValues(operator)) {
    return (
      <TagsInput
        size="xs"
        label="Values"
        placeholder={values.length > 0 ? undefined : kind === 'ranges' ? '10.2.0.0/16' : 'Type, then Enter'}
        acceptValueOnBlur
        splitChars={[',']}
        value={values}
        onChange={(values) => change({ values })}
      />
    )
  }
  if (kind === 'date') return <DateValue value={value} onChange={(value) => change({ value })} />
  return (
    <TextInput
      size="xs"
      label={kind === 'pattern' ? 'Regular expression' : kind === 'number' ? 'Number' : 'Version'}
      inputMode={kind === 'number' ? 'decimal' : undefined}
      pattern={kind === 'number' ? '-?[0-9]+(\\.[0-9]+)?' : undefined}
      title={kind === 'number' ? 'A number such as 12 or -0.5' : undefined}
      placeholder={PLACEHOLDERS[kind as keyof typeof PLACEHOLDERS]}
      required
      withAsterisk={false}
      value={value}
      onChange={({ currentTarget }) => change({ value: currentTarget.value })}
    />
  )
}

function DateValue({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const at = new Date(value)
  const wall = Number.isNaN(at.getTime()) ? '' : wallClock(at)
  return (
    <TimeInput
      label="Time"
      size="xs"
      required
      value={wall}
      onChange={(text) => onChange(readWallClock(text)?.at.toISOString() ?? '')}
    />
  )
}
