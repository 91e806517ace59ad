import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { NotFound } from './shell/not-found.tsx'
import { PageError } from './shell/page-error.tsx'
import { Shell } from './shell/shell.tsx'

/** Every page may keep what it shows in the address; the environment goes along from page to page. */
type Search = { env?: string; [name: string]: string | undefined }

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (search): Search =>
    // A page that is gone to with what another one had not set: not the text "undefined".
    Object.fromEntries(
      Object.entries(search).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
    ),
  search: { middlewares: [({ search, next }) => ({ env: search.env, ...next(search) })] },
})

/** A page of its own file, loaded when it is first opened; the file exports it as `default`. */
function page<Path extends string>(path: Path, load: () => Promise<{ default: React.ComponentType }>) {
  return createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load) })
}

// One line a page.
const routeTree = root.addChildren([
  page('/', () => import('./now/now-page.tsx')),
  page('/flags', () => import('./flags/flags-page.tsx')),
  page('/flags/$flagKey', () => import('./flags/flag-page.tsx')),
  page('/segments', () => import('./segments/segments-page.tsx')),
  page('/releases', () => import('./releases/releases-page.tsx')),
  page('/releases/$releaseId', () => import('./releases/release-page.tsx')),
  page('/api-keys', () => import('./api-keys/api-keys-page.tsx')),
  page('/environments', () => import('./environments/environments-page.tsx')),
  page('/policies', () => import('./policies/policies-page.tsx')),
  page('/policies/new', () => import('./policies/new-version-page.tsx')),
  page('/policies/runs/$runId', () => import('./policies/run-page.tsx')),
  page('/release-plans', () => import('./release-plans/release-plans-page.tsx')),
  page('/release-plans/$flagKey/$planId', () => import('./release-plans/plan-page.tsx')),
  page('/gameplans', () => import('./gameplans/gameplans-page.tsx')),
  page('/gameplans/new', () => import('./gameplans/new-gameplan-page.tsx')),
  page('/gameplans/$id', () => import('./gameplans/gameplan-page.tsx')),
  page('/gameplans/$id/revise', () => import('./gameplans/revise-page.tsx')),
  page('/change-requests', () => import('./change-requests/change-requests-page.tsx')),
  page('/change-requests/$id', () => import('./change-requests/change-request-page.tsx')),
  page('/release-plan-templates', () => import('./release-plan-templates/templates-page.tsx')),
  page('/release-plan-templates/new', () => import('./release-plan-templates/new-template-page.tsx')),
  page('/release-plan-templates/$templateId', () => import('./release-plan-templates/template-page.tsx')),
  page('/freezes', () => import('./freezes/freezes-page.tsx')),
  page('/accounts', () => import('./accounts/accounts-page.tsx')),
  page('/accounts/$accountId', () => import('./accounts/account-page.tsx')),
  page('/account-migrations', () => import('./account-migrations/migrations-page.tsx')),
  page('/account-migrations/$migrationId', () => import('./account-migrations/migration-page.tsx')),
  page('/operations', () => import('./operations/operations-page.tsx')),
])

export const router = createRouter({
  routeTree,
  basepath: '/admin',
  defaultPreload: 'intent',
  defaultErrorComponent: PageError,
  // Text as it is: `?env=1` is the environment "1".
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const set = Object.entries(search).filter(([, value]) => value !== undefined && value !== '')
    const text = new URLSearchParams(set as [string, string][]).toString()
    return text && `?${text}`
  },
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
