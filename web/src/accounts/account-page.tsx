import { Stack, Text } from '@mantine/core'
import { Link, useParams } from '@tanstack/react-router'
import { useRead } from '../api/queries.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { History } from '../components/history.tsx'
import { Loading } from '../components/loading.tsx'
import { Page } from '../components/page.tsx'
import { Tile, Tiles } from '../components/tiles.tsx'
import { When } from '../components/when.tsx'
import { AccountActions } from './account-actions.tsx'
import { WHERE } from './modes.ts'

export default function AccountPage() {
  const { accountId } = useParams({ from: '/accounts/$accountId' })
  const { data, error, refetch } = useRead('/api/admin/accounts/{accountId}', { path: { accountId } })
  if (!data) return <Page title={accountId}>{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  return (
    <Page
      key={data.id}
      title={data.id}
      about={data.name || <Link to="/accounts">All accounts</Link>}
      actions={<AccountActions account={data} />}
    >
      {error && <ErrorPanel error={error} retry={refetch} />}
      <Stack gap="lg">
        <Stack gap="xs">
          <Tiles>
            <Tile name="Mode">{data.mode}</Tile>
            <Tile name="Epoch">{data.epoch}</Tile>
            <Tile name="Under way">{data.nextMode ? `to ${data.nextMode}` : 'nothing'}</Tile>
            <Tile name="Created">
              <When at={data.createdAt} as="relative" />
            </Tile>
            <Tile name="Changed">
              <When at={data.updatedAt} as="relative" />
            </Tile>
          </Tiles>
          <Text size="sm">{WHERE[data.mode]}</Text>
        </Stack>
        <History of={{ accountId: data.id }} />
      </Stack>
    </Page>
  )
}
