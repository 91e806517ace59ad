import type { IconName } from './icons.tsx'

/** The areas, in the order in which they are shown. */
export const NAVIGATION = [
  { to: '/', label: 'Now', icon: 'now' },
  { to: '/flags', label: 'Flags', icon: 'flags' },
  { to: '/policies', label: 'Policies', icon: 'policies' },
  { to: '/release-plans', label: 'Release plans', icon: 'plans' },
  { to: '/change-requests', label: 'Change requests', icon: 'requests' },
  { to: '/accounts', label: 'Accounts', icon: 'accounts' },
  { to: '/operations', label: 'Operations', icon: 'operations' },
] as const satisfies { to: string; label: string; icon: IconName }[]
