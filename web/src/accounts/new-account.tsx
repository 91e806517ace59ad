import { Stack, Text, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'

export function NewAccount() {
  const navigate = useNavigate()
  const [id, setId] = useState('')
  const [name, setName] = useState('')
  return (
    <ConfirmButton
      label="Create an account"
      title="Create an account"
      variant="filled"
      run={async ({ reason, key }) => {
        await client.POST('/api/admin/accounts', {
          params: { query: { reason }, header: { 'idempotency-key': key } },
          body: { id: id.trim(), name: name.trim() },
        })
        await navigate({ to: '/accounts/$accountId', params: { accountId: id.trim() } })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">Notes of this account that the legacy store holds already are its notes from now on.</Text>
        <TextInput
          label="Account"
          description="Letters, digits and . _ -; it cannot be changed"
          maxLength={100}
          required
          withAsterisk={false}
          value={id}
          onChange={({ currentTarget }) => setId(currentTarget.value)}
        />
        <TextInput
          label="Name"
          description="What people call it (optional)"
          maxLength={2000}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
      </Stack>
    </ConfirmButton>
  )
}
