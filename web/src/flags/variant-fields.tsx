import { NativeSelect, NumberInput, Text, TextInput } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import classes from './fields.module.css'
import { ListFields } from './list-fields.tsx'

type Variant = Omit<schemas['Flag']['variants'][number], 'overrides'> & {
  overrides?: schemas['Flag']['variants'][number]['overrides']
}
type PayloadType = NonNullable<Variant['payload']>['type']

/** What users get of something that is on, by weight. */
export function VariantFields<V extends Variant>({
  variants,
  onChange,
  make,
  description,
}: {
  variants: V[]
  onChange: (variants: V[]) => void
  /** A variant with a name and a weight and nothing else. */
  make: (named: { name: string; weight: number; stickiness: string }) => V
  description: string
}) {
  const total = variants.reduce((sum, { weight }) => sum + weight, 0)
  return (
    <ListFields
      label="Variants"
      description={description}
      one="variant"
      items={variants}
      onChange={onChange}
      make={() => make({ name: '', weight: 100, stickiness: 'default' })}
    >
      {({ name, weight, payload, stickiness, overrides = [] }, change) => (
        <>
          <TextInput
            className={classes.quarter}
            size="xs"
            label="Name"
            required
            withAsterisk={false}
            value={name}
            onChange={({ currentTarget }) => change({ name: currentTarget.value } as Partial<V>)}
          />
          <NumberInput
            className={classes.quarter}
            size="xs"
            label={`Weight, of ${total}`}
            min={0}
            max={1000}
            allowDecimal={false}
            rightSection={<Text size="xs">{share(weight, total)}</Text>}
            rightSectionWidth={58}
            value={weight}
            onChange={(value) => typeof value === 'number' && change({ weight: value } as Partial<V>)}
          />
          <NativeSelect
            className={classes.quarter}
            size="xs"
            label="Value"
            value={payload?.type ?? ''}
            onChange={({ currentTarget: { value: type } }) =>
              change({
                payload: type ? { type: type as PayloadType, value: payload?.value ?? '' } : undefined,
              } as Partial<V>)
            }
            data={[
              { value: '', label: 'None' },
              { value: 'string', label: 'Text' },
              { value: 'number', label: 'Number' },
              { value: 'json', label: 'JSON' },
              { value: 'csv', label: 'CSV' },
            ]}
          />
          <TextInput
            className={classes.quarter}
            size="xs"
            label="Stays the same by"
            value={stickiness}
            onChange={({ currentTarget }) => change({ stickiness: currentTarget.value } as Partial<V>)}
          />
          {payload && (
            <TextInput
              className={classes.all}
              size="xs"
              label="What it is"
              classNames={{ input: 'mono' }}
              value={payload.value}
              onChange={({ currentTarget: { value } }) => change({ payload: { ...payload, value } } as Partial<V>)}
            />
          )}
          {overrides.length > 0 && (
            <Text className={`${classes.all} quiet`} size="xs">
              Forced for {overrides.map(({ contextName, values }) => `${contextName} ${values.join(', ')}`).join('; ')}
            </Text>
          )}
        </>
      )}
    </ListFields>
  )
}

function share(weight: number, total: number): string {
  return `${total === 0 ? 0 : Math.round((weight * 1_000) / total) / 10} %`
}
