import { Button, Menu, Text } from '@mantine/core'
import { logOut, useSession } from '../api/session.ts'
import { When } from '../components/when.tsx'

export function UserMenu() {
  const { data: session } = useSession()
  if (!session) return null
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button variant="subtle" color="gray" size="compact-sm">
          {session.subject}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.role === 'admin' ? 'May change everything' : 'Sees everything, changes nothing'}
          <Text size="xs">
            until <When at={session.expiresAt} />
          </Text>
        </Menu.Label>
        <Menu.Item component="a" href="/docs">
          API documentation
        </Menu.Item>
        <Menu.Item onClick={() => void logOut()}>Log out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
