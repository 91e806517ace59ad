import type { IconName } from './icons.tsx'

/** The areas, in the order in which they are shown. */
export const NAVIGATION = [
  { to: '/', label: 'Now', icon: 'now' },
  { to: '/flags', label: 'Flags', icon: 'flags' },
  { to: '/segments', label: 'Segments', icon: 'segments' },
  { to: '/releases', label: 'Releases', icon: 'releases' },
  { to: '/policies', label: 'Policies', icon: 'policies' },
  { to: '/release-plans', label: 'Release plans', icon: 'plans' },
  { to: '/gameplans', label: 'Gameplans', icon: 'gameplans' },
  { to: '/change-requests', label: 'Change requests', icon: 'requests' },
  { to: '/freezes', label: 'Freezes', icon: 'freezes' },
  { to: '/accounts', label: 'Accounts', icon: 'accounts' },
  { to: '/account-migrations', label: 'Account migrations', icon: 'migrations' },
  { to: '/environments', label: 'Environments', icon: 'environments' },
  { to: '/api-keys', label: 'API keys', icon: 'keys' },
  { to: '/operations', label: 'Operations', icon: 'operations' },
] as const satisfies { to: string; label: string; icon: IconName }[]
