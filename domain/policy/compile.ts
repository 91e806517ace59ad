import { resolveDate } from './dates.ts'
import {
  type Condition,
  type DateLiteral,
  type Formula,
  type Leaf,
  operationOf,
  type PolicyDocument,
  type Scalar,
} from './document.ts'
import { floatNumber, jsonNumber, type Parameter, SQL_COLUMNS, textDate, timestampText } from './sql.ts'
import { type Column, type Field, parseField } from './values.ts'

/**
 * A policy as SQL over rows with the columns of `media_items`. Nothing of the document is in the text: its literals,
 * reasons and paths are the values of the parameters.
 */
export interface CompiledPolicy {
  /**
   * A SELECT over the rows of `items` (a table, or a sub-select in parentheses) with their columns `keep`, and `status`
   * (text: `eligible`, `ineligible`, `pending`, `error`), `reasons` (text[]) and `relevance` (float8, NULL of an error).
   */
  over(items: string, keep: string[]): string
  values: unknown[]
}

/**
 * Compiles a valid document to SQL that says of every row exactly what `interpret` says, and never raises. Its
 * parameters are numbered from `firstParameter` on.
 *
 * Undecided is NULL, which AND, OR and NOT combine as the language wants it; so every leaf makes a missing value FALSE
 * itself. In formulas it is NaN, because LEAST and GREATEST pass over NULL.
 *
 * @throws when the document has relative dates and no `asOf`
 */
export function compilePolicy(document: PolicyDocument, firstParameter: number): CompiledPolicy {
  // The first way through finds what is used more than once, and is to be computed once.
  const counting = new Compiler(document, firstParameter, new Map())
  counting.compile()
  return new Compiler(document, firstParameter, counting.uses).compile()
}

// Greater than any negative result of a formula (see `findOverflow`).
const ALMOST_ZERO = -(2 ** -1010)

class Compiler {
  readonly uses = new Map<string, number>()
  private readonly document: PolicyDocument
  private readonly firstParameter: number
  private readonly usesBefore: Map<string, number>
  private readonly values: unknown[] = []
  private readonly parameters = new Map<string, string>()
  private readonly reads = new Map<string, string>()
  private readonly shared = new Map<string, string>()
  private readonly columns = new Set<string>()

  constructor(document: PolicyDocument, firstParameter: number, usesBefore: Map<string, number>) {
    this.document = document
    this.firstParameter = firstParameter
    this.usesBefore = usesBefore
  }

  compile(): CompiledPolicy {
    const { rules, relevance = 0 } = this.document
    const conditions = rules.map(({ when }) => this.condition(when))
    const columns = [
      ...conditions.map((sql, i) => `${sql} AS c${i}`),
      // + 0 turns -0 into 0.
      `nullif(${this.formula(relevance)}, 'NaN') + 0 AS relevance`,
    ]
    const anyOf = (tests: string[]) => (tests.length > 0 ? `(${tests.join(' OR ')})` : 'false')
    const says = (verdict: string) => anyOf(rules.flatMap((rule, i) => (rule.verdict === verdict ? [`c${i}`] : [])))
    const status = `CASE WHEN ${anyOf([...rules.map((_, i) => `c${i} IS NULL`), 'relevance IS NULL'])} THEN 'error'
      WHEN ${says('ineligible')} THEN 'ineligible' WHEN ${says('pending')} THEN 'pending' ELSE 'eligible' END`
    const listOf = (entries: string[]) => `array_remove(ARRAY[${entries.join(', ')}]::text[], NULL)`
    const reasonsWhere = (test: (rule: string) => string) =>
      rules.map(({ reason }, i) => `CASE WHEN ${test(`c${i}`)} THEN ${this.parameter(reason, 'text')} END`)
    const matching = listOf(reasonsWhere((rule) => rule))
    const undecided = listOf([
      ...reasonsWhere((rule) => `${rule} IS NULL`),
      `CASE WHEN relevance IS NULL THEN 'relevance' END`,
    ])
    return {
      over: (
        items,
        keep,
      ) => `SELECT ${[...keep, 'status'].join(', ')}, CASE WHEN status <> 'error' THEN relevance END AS relevance,
          CASE status WHEN 'eligible' THEN '{}' WHEN 'error' THEN ${undecided} ELSE ${matching} END AS reasons
        FROM (SELECT *, ${status} AS status FROM (SELECT ${[...keep, ...columns].join(', ')}
          FROM (${this.readsOver(items, keep)}) i OFFSET 0) i OFFSET 0) i`,
      values: this.values,
    }
  }

  /**
   * What is read and shared of an item, each once: OFFSET 0 keeps Postgres from putting an expression back into every place
   * that uses it. A chain of sub-selects, because a LATERAL for each row took a sixth longer.
   */
  private readsOver(items: string, keep: string[]): string {
    const columnsOf = (named: Map<string, string>) => [...named].map(([sql, name]) => `${sql} AS ${name}`)
    const columns = [...new Set([...keep, ...this.columns])]
    const reads = `SELECT ${[...columns, ...columnsOf(this.reads)].join(', ')} FROM ${items} i OFFSET 0`
    if (this.shared.size === 0) return reads
    return `SELECT ${[...columns, ...this.reads.values(), ...columnsOf(this.shared)].join(', ')} FROM (${reads}) i OFFSET 0`
  }

  private readonly parameter: Parameter = (value, type) => {
    const key = `${type} ${JSON.stringify(value)}`
    let name = this.parameters.get(key)
    if (name === undefined) {
      name = `$${this.firstParameter + this.values.length}::${type}`
      this.parameters.set(key, name)
      this.values.push(value)
    }
    return name
  }

  /** A metadata value, as jsonb (NULL or JSON null when it is missing) or as text (NULL when it is missing). */
  private read(path: string[], as: 'jsonb' | 'text'): string {
    const sql = `metadata ${as === 'jsonb' ? '#>' : '#>>'} ${this.parameter(path, 'text[]')}`
    const name = this.reads.get(sql) ?? `m${this.reads.size}`
    this.reads.set(sql, name)
    return name
  }

  private column(column: Column): string {
    this.columns.add(SQL_COLUMNS[column])
    return column === 'id' ? 'id::float8' : SQL_COLUMNS[column]
  }

  private share(sql: string): string {
    this.uses.set(sql, (this.uses.get(sql) ?? 0) + 1)
    if ((this.usesBefore.get(sql) ?? 0) < 2) return sql
    const name = this.shared.get(sql) ?? `s${this.shared.size}`
    this.shared.set(sql, name)
    return name
  }

  private condition(condition: Condition): string {
    if ('all' in condition) return `(${condition.all.map((part) => this.condition(part)).join(' AND ')})`
    if ('any' in condition) return `(${condition.any.map((part) => this.condition(part)).join(' OR ')})`
    if ('not' in condition) return `(NOT ${this.condition(condition.not)})`
    return this.leaf(condition, parseField(condition.field) as Field)
  }

  private leaf(leaf: Leaf, field: Field): string {
    const { operator, literal } = operationOf(leaf)
    switch (operator) {
      case 'exists':
        return literal ? `(NOT ${this.missing(field)})` : this.missing(field)
      case 'eq':
        return this.equalsOneOf(field, [literal])
      case 'ne':
        return `(NOT ${this.equalsOneOf(field, [literal])})`
      case 'in':
        return this.equalsOneOf(field, literal)
      case 'lt':
        return this.decided(field, `${this.number(field)} < ${this.parameter(literal, 'float8')}`)
      case 'lte':
        return this.decided(field, `${this.number(field)} <= ${this.parameter(literal, 'float8')}`)
      case 'gt':
        return this.decided(field, `${this.number(field)} > ${this.parameter(literal, 'float8')}`)
      case 'gte':
        return this.decided(field, `${this.number(field)} >= ${this.parameter(literal, 'float8')}`)
      case 'before':
        return this.decidedDate(field, `${this.date(field)} < ${this.instant(literal)}`)
      case 'after':
        return this.decidedDate(field, `${this.date(field)} > ${this.instant(literal)}`)
      case 'between': {
        const [from, to] = literal
        if (typeof from === 'number') {
          const range = `${this.parameter(from, 'float8')} AND ${this.parameter(to, 'float8')}`
          return this.decided(field, `${this.number(field)} BETWEEN ${range}`)
        }
        const range = `${this.instant(from)} AND ${this.instant(to as typeof from)}`
        return this.decidedDate(field, `${this.date(field)} BETWEEN ${range}`)
      }
      case 'contains':
        return this.contains(field, literal)
      case 'is':
        return this.is(field, literal)
    }
  }

  private jsonOrColumn(field: Field): string {
    return field.column ? this.column(field.column) : this.read(field.path, 'jsonb')
  }

  private missing(field: Field): string {
    const value = this.jsonOrColumn(field)
    return field.column ? `(${value} IS NULL)` : `coalesce(${value} = 'null', true)`
  }

  /** FALSE when the value is missing; NULL when `test` is NULL for another reason. */
  private decided(field: Field, test: string): string {
    return `coalesce(${test}, CASE WHEN ${this.missing(field)} THEN false END)`
  }

  // Reads no jsonb: a row of Postgres has 1664 columns at most, and a document has up to 1000 fields.
  private decidedDate(field: Field, test: string): string {
    const value = field.column ? this.column(field.column) : this.read(field.path, 'text')
    return `coalesce(${test}, CASE WHEN ${value} IS NULL THEN false END)`
  }

  /** The value as float8, NULL when it is not a number that can be computed with; see `toNumber`. */
  private number(field: Field): string {
    const value = this.jsonOrColumn(field)
    if (field.column === 'id') return value
    return this.share(field.column ? floatNumber(value, this.parameter) : jsonNumber(value, this.parameter))
  }

  /** The value as timestamptz, NULL when it is not a date; see `parseDate`. */
  private date(field: Field): string {
    if (field.column) return this.column(field.column)
    // The text of a value that is no string has never the form of a date.
    return this.share(textDate(this.read(field.path, 'text')))
  }

  private instant(literal: DateLiteral): string {
    return this.parameter(timestampText(resolveDate(literal, this.document.asOf)), 'timestamptz')
  }

  private equalsOneOf(field: Field, literals: Scalar[]): string {
    const oneOf = (value: string, type: string, list: unknown[]) =>
      list.length === 1
        ? `${value} = ${this.parameter(list[0], type)}`
        : `${value} = ANY (${this.parameter(list, `${type}[]`)})`
    if (typeof literals[0] === 'number') {
      const test = oneOf(this.number(field), 'float8', literals)
      if (field.column) return this.decided(field, test)
      return `coalesce(${test}, CASE WHEN jsonb_typeof(${this.jsonOrColumn(field)}) = 'number' THEN NULL ELSE false END)`
    }
    if (field.column) return `coalesce(${oneOf(`${this.column(field.column)} COLLATE "C"`, 'text', literals)}, false)`
    const json = literals.map((literal) => JSON.stringify(literal))
    return `coalesce(${oneOf(this.jsonOrColumn(field), 'jsonb', json)}, false)`
  }

  private contains(field: Field, literal: Scalar): string {
    const within = (text: string) => `strpos(${text} COLLATE "C", ${this.parameter(literal, 'text')}) > 0`
    if (field.column) return `coalesce(${within(this.column(field.column))}, false)`
    const value = this.jsonOrColumn(field)
    const element =
      typeof literal === 'number'
        ? // Containment compares all digits, but numbers are compared as doubles.
          `EXISTS (SELECT FROM jsonb_array_elements(CASE WHEN jsonb_typeof(${value}) = 'array' THEN ${value} END) AS e (v)
            WHERE ${jsonNumber('e.v', this.parameter)} = ${this.parameter(literal, 'float8')})`
        : `${value} @> ${this.parameter(JSON.stringify([literal]), 'jsonb')}`
    const text = typeof literal === 'string' ? `WHEN 'string' THEN ${within(`(${value} #>> '{}')`)}` : ''
    return `CASE coalesce(jsonb_typeof(${value}), 'null') WHEN 'null' THEN false WHEN 'array' THEN ${element} ${text} END`
  }

  private is(field: Field, type: string): string {
    if (type === 'date' && !(field.type === 'number' || field.type === 'text'))
      return `(${this.date(field)} IS NOT NULL)`
    if (field.column) {
      const own = { number: 'number', text: 'string', date: 'date' }[field.type]
      return own === type ? `(NOT ${this.missing(field)})` : 'false'
    }
    // A whitelist here too, so that nothing of the document can come into the text.
    const known = ['string', 'number', 'boolean', 'array', 'object'].find((name) => name === type)
    return `coalesce(jsonb_typeof(${this.jsonOrColumn(field)}) = '${known}', false)`
  }

  private formula(formula: Formula): string {
    if (typeof formula === 'number') return this.parameter(formula, 'float8')
    if ('field' in formula) return this.formulaField(formula)
    const chain = (parts: Formula[], operator: string) =>
      parts.map((part) => this.formula(part)).reduce((a, b) => `(${a} ${operator} ${b})`)
    if ('add' in formula) return chain(formula.add, '+')
    if ('subtract' in formula) return chain(formula.subtract, '-')
    if ('multiply' in formula) return chain(formula.multiply, '*')
    if ('divide' in formula) {
      const [a, b] = formula.divide.map((part) => this.formula(part))
      return `(${a} / coalesce(nullif(${b}, 0), 'NaN'))`
    }
    if ('max' in formula) return `greatest(${formula.max.map((part) => this.formula(part)).join(', ')})`
    // NaN is the greatest number of Postgres: least() would pass over it.
    if ('min' in formula) return `(- greatest(${formula.min.map((part) => `- ${this.formula(part)}`).join(', ')}))`
    if ('sqrt' in formula) {
      const limit = this.parameter(ALMOST_ZERO, 'float8')
      // NaN for a negative number, without naming it twice: nested, that would double the text again and again.
      return `sqrt(coalesce(nullif(greatest(${this.formula(formula.sqrt)}, ${limit}), ${limit}), 'NaN'))`
    }
    const [then, otherwise] = [this.formula(formula.then), this.formula(formula.else)]
    return `(CASE ${this.condition(formula.if)} WHEN true THEN ${then} WHEN false THEN ${otherwise} ELSE 'NaN' END)`
  }

  private formulaField({ field: name, default: value = 0 }: { field: string; default?: number }): string {
    const field = parseField(name) as Field
    const missing = `CASE WHEN ${this.missing(field)} THEN ${this.parameter(value, 'float8')} ELSE 'NaN' END`
    return `coalesce(${this.number(field)}, ${missing})`
  }
}
