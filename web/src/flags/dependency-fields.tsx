import { NativeSelect, TagsInput } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import classes from './fields.module.css'
import { FlagSelect } from './flag-select.tsx'
import { ListFields } from './list-fields.tsx'

type Flag = schemas['Flag']

/** What other flags must be for this one to be on. */
export function DependencyFields({
  flag,
  dependencies,
  onChange,
}: {
  flag: Flag
  dependencies: Flag['dependencies']
  onChange: (dependencies: Flag['dependencies']) => void
}) {
  return (
    <ListFields
      label="Depends on"
      description="Where another flag is not as it should be, this one is off. Flags that others depend on depend on none."
      one="dependency"
      items={dependencies}
      onChange={onChange}
      make={() => ({ flagKey: '', enabled: true, variants: [] })}
    >
      {({ flagKey, enabled, variants }, change) => (
        <>
          <div className={classes.third}>
            <FlagSelect
              environment={flag.environment}
              value={flagKey}
              onChange={(flagKey) => change({ flagKey })}
              size="xs"
              except={[flag.key, ...dependencies.map((other) => other.flagKey)]}
            />
          </div>
          <NativeSelect
            className={classes.third}
            size="xs"
            label="Must be"
            value={String(enabled)}
            onChange={({ currentTarget: { value } }) =>
              change(value === 'true' ? { enabled: true } : { enabled: false, variants: [] })
            }
            data={[
              { value: 'true', label: 'On' },
              { value: 'false', label: 'Off' },
            ]}
          />
          {enabled && (
            <TagsInput
              className={classes.third}
              size="xs"
              label="With one of the variants"
              placeholder={variants.length > 0 ? undefined : 'Any'}
              acceptValueOnBlur
              value={variants}
              onChange={(variants) => change({ variants })}
            />
          )}
        </>
      )}
    </ListFields>
  )
}
