import { MultiSelect, NativeSelect, NumberInput, Stack, Switch, TextInput } from '@mantine/core'
import { useRead } from '../api/queries.ts'
import { useEnvironment } from '../shell/address.ts'
import { ConstraintFields } from './constraint-fields.tsx'
import classes from './fields.module.css'
import { KINDS, type Parameter, type StrategyDraft } from './strategy-draft.ts'
import { VariantFields } from './variant-fields.tsx'

const SEGMENTS_SHOWN = 200

/** Everything that a strategy says. */
export function StrategyFields({
  draft,
  change,
}: {
  draft: StrategyDraft
  change: (changed: Partial<StrategyDraft>) => void
}) {
  const { name, title, parameters, constraints, variants, segments, disabled } = draft
  return (
    <Stack gap="md">
      <div className={classes.columns}>
        <TextInput
          label="Title"
          placeholder="Such as Staff (optional)"
          maxLength={200}
          value={title ?? ''}
          onChange={({ currentTarget: { value } }) => change({ title: value || null })}
        />
        <NativeSelect
          label="For"
          value={name}
          onChange={({ currentTarget }) => {
            const kind = currentTarget.value as StrategyDraft['name']
            change({ name: kind, parameters: KINDS[kind].begins })
          }}
          data={Object.entries(KINDS).map(([value, { words }]) => ({ value, label: words }))}
        />
        {KINDS[name].takes.map((parameter) => (
          <ParameterInput
            key={parameter.name}
            parameter={parameter}
            value={parameters[parameter.name] ?? ''}
            onChange={(value) => change({ parameters: withParameter(parameters, parameter, value) })}
          />
        ))}
        <Segments segments={segments} onChange={(segments) => change({ segments })} />
      </div>
      <ConstraintFields constraints={constraints} onChange={(constraints) => change({ constraints })} />
      <VariantFields
        variants={variants}
        onChange={(variants) => change({ variants })}
        make={(named) => named}
        description="Whom this strategy lets in gets one of these, instead of the flag's."
      />
      <Switch
        size="xs"
        label="Switched off: nobody is asked by it"
        checked={disabled}
        onChange={({ currentTarget }) => change({ disabled: currentTarget.checked })}
      />
    </Stack>
  )
}

/** A text that may be left out is, when it is empty. */
function withParameter(parameters: Record<string, string>, { name, type }: Parameter, value: string) {
  const { [name]: _, ...others } = parameters
  return value === '' && type === 'text' ? others : { ...others, [name]: value }
}

function ParameterInput({
  parameter: { label, type, placeholder },
  value,
  onChange,
}: {
  parameter: Parameter
  value: string
  onChange: (value: string) => void
}) {
  if (type === 'percentage') {
    return (
      <NumberInput
        label={label}
        suffix=" %"
        min={0}
        max={100}
        clampBehavior="strict"
        allowDecimal={false}
        required
        withAsterisk={false}
        value={value === '' ? '' : Number(value)}
        onChange={(number) => onChange(String(number))}
      />
    )
  }
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      required={type === 'list'}
      withAsterisk={false}
      value={value}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    />
  )
}

function Segments({ segments, onChange }: { segments: string[]; onChange: (segments: string[]) => void }) {
  const environment = useEnvironment()
  const { data } = useRead('/api/admin/segments', { query: { environment, limit: SEGMENTS_SHOWN } })
  const keys = new Set([...segments, ...(data ?? []).map(({ key }) => key)])
  return (
    <MultiSelect
      label="Segments"
      placeholder={segments.length > 0 ? undefined : keys.size > 0 ? 'All of them must match' : 'There are none yet'}
      searchable
      value={segments}
      onChange={onChange}
      nothingFoundMessage="No segment fits"
      data={[...keys].sort()}
    />
  )
}
