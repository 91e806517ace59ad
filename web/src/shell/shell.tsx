import { AppShell, Burger, Group, NavLink } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useSession } from '../api/session.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { LiveProvider } from '../live/live.tsx'
import { ColorScheme } from './color-scheme.tsx'
import { EnvironmentSelect } from './environment-select.tsx'
import { Icon } from './icons.tsx'
import { LiveMark } from './live-mark.tsx'
import { LoginPage } from './login-page.tsx'
import { NAVIGATION } from './navigation.ts'
import classes from './shell.module.css'
import { UserMenu } from './user-menu.tsx'

/** What is around every page; the login in its place while nobody is logged in. */
export function Shell() {
  const { data: session, error, refetch, isPending } = useSession()
  if (isPending) return <Loading rows={0} />
  if (session === undefined || (error && !session)) return <ErrorPanel error={error} retry={refetch} />
  if (session === null) return <LoginPage />
  return (
    <LiveProvider>
      <Frame />
    </LiveProvider>
  )
}

function Frame() {
  const [opened, { toggle, close }] = useDisclosure()
  const { pathname } = useLocation()
  const main = useRef<HTMLElement>(null)
  const first = useRef(pathname)
  // Who uses a keyboard or a screen reader begins at the top of a new page.
  useEffect(() => {
    if (first.current !== pathname) main.current?.focus()
    first.current = pathname
    close()
  }, [pathname, close])

  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 208, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'sm', sm: 'lg' }}
    >
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <AppShell.Header className={classes.header}>
        <Group gap="sm" wrap="nowrap">
          <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" />
          <Link to="/" className={classes.brand}>
            Interlock
          </Link>
          <EnvironmentSelect />
        </Group>
        <Group gap="xs" wrap="nowrap">
          <LiveMark />
          <ColorScheme />
          <UserMenu />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar className={classes.navbar} component="nav" aria-label="Areas">
        {NAVIGATION.map(({ to, label, icon }) => {
          const active = to === '/' ? pathname === '/' : pathname === to || pathname.startsWith(`${to}/`)
          return (
            <NavLink
              key={to}
              renderRoot={(props) => <Link to={to} search={({ env }) => ({ env })} {...props} />}
              label={label}
              leftSection={<Icon name={icon} />}
              active={active}
              aria-current={active ? 'page' : undefined}
              className={classes.link}
            />
          )
        })}
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} ref={main} className={classes.main}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  )
}
