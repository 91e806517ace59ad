import { Button, Code, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { logIn } from '../api/session.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import classes from './login-page.module.css'

/** Takes a token once; from then on the browser keeps it where no script can read it. */
export function LoginPage() {
  const [token, setToken] = useState('')
  const login = useMutation({ mutationFn: () => logIn(token) })
  return (
    <main className={classes.page}>
      <title>Log in · Interlock</title>
      <form
        className={`panel ${classes.form}`}
        onSubmit={(event) => {
          event.preventDefault()
          login.mutate()
        }}
      >
        <Stack gap="md">
          <div>
            <Title order={1} size="h3">
              Interlock
            </Title>
            <Text size="sm" className="quiet">
              Log in to see what is about to change.
            </Text>
          </div>
          {login.error && <ErrorPanel error={login.error} />}
          <PasswordInput
            label="Token"
            autoComplete="off"
            autoFocus
            required
            withAsterisk={false}
            value={token}
            onChange={({ currentTarget }) => setToken(currentTarget.value)}
          />
          <Button type="submit" loading={login.isPending}>
            Log in
          </Button>
          <Text size="xs" className="quiet">
            Beside <Code>npm start</Code>, this prints one:
            <Code block mt={4} className={classes.command}>
              npm run -s token -- --role admin --subject alice
            </Code>
            Elsewhere it comes from your identity provider. It is kept until it expires.
          </Text>
        </Stack>
      </form>
    </main>
  )
}
