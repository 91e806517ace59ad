import { Stack, Text, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'
import { NEXT } from './modes.ts'

type Account = schemas['Account']

const paramsOf = ({ id: accountId }: Account, { reason, key }: Confirmed, read: number) => ({
  params: {
    path: { accountId },
    query: { reason },
    header: { 'idempotency-key': key, 'if-match': `"${read}"` },
  },
})

/** The steps that its mode allows, and its name. */
export function AccountActions({ account }: { account: Account }) {
  return (
    <>
      {NEXT[account.mode].map((step) => (
        <Step key={step.mode} account={account} step={step} />
      ))}
      <Rename account={account} />
    </>
  )
}

function Step({ account, step }: { account: Account; step: (typeof NEXT)['off'][number] }) {
  const { mode, label, does, danger = false } = step
  const read = useRef(account.version)
  return (
    <ConfirmButton
      label={label}
      title={`${label}: ${account.id}?`}
      danger={danger}
      blocked={account.nextMode ? `A change to ${account.nextMode} is under way.` : undefined}
      run={(confirmed) =>
        client.PATCH('/api/admin/accounts/{accountId}', {
          ...paramsOf(account, confirmed, read.current),
          body: { mode },
        })
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          <span className="mono">{account.mode}</span> → <span className="mono">{mode}</span>, at once and for all
          processes. {does}
        </Text>
        <Text size="sm">
          A migration does this by itself and verifies the account; by hand it is for one account that needs it.
        </Text>
        <AsRead version={account.version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

function Rename({ account }: { account: Account }) {
  const read = useRef(account.version)
  const [name, setName] = useState(account.name)
  return (
    <ConfirmButton
      label="Rename"
      title={`Rename ${account.id}`}
      run={(confirmed) =>
        client.PATCH('/api/admin/accounts/{accountId}', {
          ...paramsOf(account, confirmed, read.current),
          body: { name: name.trim() },
        })
      }
    >
      <Stack gap="sm">
        <TextInput
          label="Name"
          description="Only what people call it; its notes and its id stay"
          maxLength={2000}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <AsRead version={account.version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
