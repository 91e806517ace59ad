import type { Finding, LintReport } from '../domain/gameplan/lint.ts'
import type { Severity } from '../domain/gameplan/rules/rule.ts'

interface FileReport extends LintReport {
  file: string
}

/** Reports of several files, for people, for programs, and for GitHub Actions. */
export const FORMATS: Record<string, (reports: FileReport[]) => string> = {
  text: asText,
  json: (reports) => `${JSON.stringify(reports, null, 2)}\n`,
  github: asAnnotations,
}

function asText(reports: FileReport[]): string {
  const lines = reports.flatMap(({ file, findings, heldBack }) => [
    ...findings.map((finding) => {
      const { line, column } = finding.range.start
      return `${file}:${line}:${column}: ${finding.severity}: ${messageOf(finding)} [${finding.rule}]\n    ${finding.hint}`
    }),
    ...(heldBack.length > 0 ? [`${file}: ${numbered(heldBack.length, 'rule')} held back until that is mended`] : []),
  ])
  const sum = (what: 'errors' | 'warnings' | 'infos', noun: string) =>
    numbered(
      reports.reduce((total, report) => total + report[what], 0),
      noun,
    )
  const counts = [sum('errors', 'error'), sum('warnings', 'warning'), sum('infos', 'info')].join(', ')
  return [...lines, `${counts} in ${numbered(reports.length, 'file')}`, ''].join('\n')
}

function messageOf({ message, item, ticked }: Finding): string {
  return ticked ? `${message} Item ${item} of the checklist is ticked.` : message
}

function numbered(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

const COMMANDS: Record<Severity, string> = { error: 'error', warning: 'warning', info: 'notice' }

/** https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
function asAnnotations(reports: FileReport[]): string {
  return reports
    .flatMap(({ file, findings }) =>
      findings.map((finding) => {
        const { start, end } = finding.range
        const properties = {
          file,
          line: start.line,
          endLine: end.line,
          // GitHub takes columns within a line only.
          ...(start.line === end.line ? { col: start.column, endColumn: end.column } : {}),
          title: `gameplan: ${finding.rule}`,
        }
        const said = Object.entries(properties).map(([name, value]) => `${name}=${property(String(value))}`)
        return `::${COMMANDS[finding.severity]} ${said.join(',')}::${data(`${messageOf(finding)} ${finding.hint}`)}\n`
      }),
    )
    .join('')
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
