import { NativeSelect } from '@mantine/core'
import { useRead } from '../api/queries.ts'
import { useEnvironment, useParam } from './address.ts'

export function EnvironmentSelect() {
  const environment = useEnvironment()
  const [, setEnvironment] = useParam('env')
  const { data = [] } = useRead('/api/admin/environments', { query: { limit: 200 } })
  const names = new Set([environment, 'production', ...data.map((known) => known.environment)])
  return (
    <NativeSelect
      size="xs"
      aria-label="Environment"
      value={environment}
      onChange={({ currentTarget }) => setEnvironment(currentTarget.value)}
      data={[...names].sort()}
    />
  )
}
