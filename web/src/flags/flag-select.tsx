import { Select } from '@mantine/core'
import { useState } from 'react'
import { useRead } from '../api/queries.ts'

/** One flag of an environment, found by a part of its key or description. */
export function FlagSelect({
  environment,
  value,
  onChange,
  label = 'Flag',
  size = 'sm',
  except = [],
  none,
}: {
  environment: string
  value: string
  onChange: (flagKey: string) => void
  label?: string
  size?: 'xs' | 'sm'
  /** Keys that may not be chosen. */
  except?: string[]
  /** Of a filter: what it says where no flag is chosen, which is allowed then. */
  none?: string
}) {
  const [search, setSearch] = useState('')
  const query = { environment, search: search === value ? undefined : search || undefined, limit: 50 }
  const { data } = useRead('/api/admin/flags', { query })
  const keys = new Set([...(value ? [value] : []), ...(data ?? []).map(({ key }) => key)])
  return (
    <Select
      size={size}
      {...(none
        ? { 'aria-label': label, clearable: true, clearButtonProps: { 'aria-label': none } }
        : { label, required: true, withAsterisk: false, allowDeselect: false })}
      searchable
      placeholder={none ?? 'Find a flag'}
      value={value || null}
      onChange={(key) => onChange(key ?? '')}
      onSearchChange={setSearch}
      // The API has searched, in descriptions too.
      filter={({ options }) => options}
      nothingFoundMessage="No flag fits"
      data={[...keys].filter((key) => key === value || !except.includes(key))}
    />
  )
}
