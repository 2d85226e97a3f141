// A rule for oxlint: a callback that Node or undici calls is guarded, so that an exception in it costs one connection and not
// the process (ADR 62). Timers need no guard of their own: they come from the Clock, which guards its callbacks (openClock).

/** Callbacks that go round the guard on purpose: the end of the file's path, the called name, and the reason. */
const allowed: readonly { readonly file: string; readonly call: string; readonly reason: string }[] = [];

/** A node of ESTree, with the parts that this rule reads. */
interface Node {
  readonly type: string;
  readonly name?: string;
  readonly operator?: string;
  readonly computed?: boolean;
  readonly async?: boolean;
  readonly key?: Node;
  readonly value?: Node | null;
  readonly id?: Node | null;
  readonly init?: Node | null;
  readonly left?: Node;
  readonly right?: Node;
  readonly object?: Node;
  readonly property?: Node;
  readonly callee?: Node;
  readonly argument?: Node | null;
  readonly arguments?: readonly Node[];
  readonly expression?: Node;
  readonly expressions?: readonly Node[];
  readonly superClass?: Node | null;
  readonly body?: Node | readonly Node[];
  readonly test?: Node;
  readonly consequent?: Node;
  readonly alternate?: Node | null;
  readonly handler?: Node | null;
  readonly declarations?: readonly Node[];
  readonly properties?: readonly Node[];
}

interface Context {
  readonly filename: string;
  report(problem: { node: Node; message: string }): void;
}

const listens = new Set(['on', 'once', 'addListener', 'prependListener', 'prependOnceListener']);
const defers = new Set(['queueMicrotask', 'setImmediate', 'nextTick']);
/** Functions of Node and undici that take a callback last. */
const takesCallback = new Set(['end', 'write', 'listen', 'close', 'connect', 'lookup', 'setTimeout', 'createServer']);
const streams = new Set(['Readable', 'Writable', 'Duplex', 'Transform', 'PassThrough']);
const streamMethods = new Set(['read', 'write', 'destroy', 'final', 'transform', 'flush', 'construct']);
/** Calls that do not throw. */
const harmless = new Set(['guard', 'resolve', 'reject', 'destroy', 'resume', 'report']);

const isFunction = ({ type }: Node): boolean => type === 'ArrowFunctionExpression' || type === 'FunctionExpression';
/** The last name of a member or a variable; with # where it is private. */
function nameOf(node: Node | null | undefined): string {
  if (node?.type === 'MemberExpression') return nameOf(node.property);
  return node?.type === 'PrivateIdentifier' ? `#${node.name}` : (node?.name ?? '');
}
const plainNameOf = (node: Node | null | undefined): string => nameOf(node).replace('#', '');
const isClock = (callee: Node): boolean => /clock$/i.test(nameOf(callee.object));

/** The functions of a file by their name, of classes too. */
class Functions {
  readonly #byName = new Map<string, Node>();

  add(name: string, node: Node | null | undefined): void {
    if (name !== '' && node !== null && node !== undefined) this.#byName.set(name, node);
  }

  /** Whether what stands here can be called without an exception coming out. */
  isSafe(node: Node, depth = 0): boolean {
    if (depth > 3) return false;
    if (isFunction(node) || node.type === 'FunctionDeclaration') return this.#isSafeFunction(node, depth);
    if (node.type === 'CallExpression') return this.#makesGuarded(node, depth);
    const name = nameOf(node);
    if (name === 'resolve' || name === 'reject') return true;
    const found = this.#byName.get(name);
    return found !== undefined && this.isSafe(found, depth + 1);
  }

  /** A call that returns a guarded callback: of a guard, or of a function of this file that returns such a call. */
  #makesGuarded({ callee }: Node, depth: number): boolean {
    if (plainNameOf(callee) === 'guard') return true;
    const made = this.#byName.get(nameOf(callee))?.body as Node | undefined;
    return made?.type === 'CallExpression' && depth < 3 && this.#makesGuarded(made, depth + 1);
  }

  #isSafeFunction({ body }: Node, depth: number): boolean {
    const block = body as Node;
    return block.type === 'BlockStatement' ? this.#isSafeBlock(block, depth) : this.#isSafeExpression(block, depth);
  }

  #isSafeBlock({ body }: Node, depth: number): boolean {
    return (body as readonly Node[]).every((statement) => this.#isSafeStatement(statement, depth));
  }

  #isSafeStatement(statement: Node, depth: number): boolean {
    const { type, expression, argument, test, consequent, alternate, declarations } = statement;
    if (type === 'TryStatement') return statement.handler !== null && statement.handler !== undefined;
    if (type === 'BlockStatement') return this.#isSafeBlock(statement, depth);
    if (type === 'ExpressionStatement') return this.#isSafeExpression(expression as Node, depth);
    if (type === 'ReturnStatement') return argument === null || this.#isSafeExpression(argument as Node, depth);
    if (type === 'VariableDeclaration')
      return (declarations ?? []).every(({ init }) => init !== null && isSimple(init));
    if (type !== 'IfStatement' || !isSimple(test)) return false;
    return [consequent, alternate].every(
      (one) => one === null || one === undefined || this.#isSafeStatement(one, depth),
    );
  }

  #isSafeExpression(expression: Node, depth: number): boolean {
    const { type, argument, left, right, callee, arguments: given = [] } = expression;
    if (isSimple(expression)) return true;
    if (type === 'UnaryExpression') return this.#isSafeExpression(argument as Node, depth);
    if (type === 'AssignmentExpression') return isSimple(left) && this.#isSafeExpression(right as Node, depth);
    if (type === 'UpdateExpression') return isSimple(argument);
    if (type !== 'CallExpression') return false;
    if (harmless.has(plainNameOf(callee))) return true;
    return given.every((one) => isSimple(one)) && this.isSafe(callee as Node, depth + 1);
  }
}

/** Reads values only. */
function isSimple(node: Node | null | undefined): boolean {
  if (node === null || node === undefined) return true;
  const { type, object, left, right, argument, expression } = node;
  if (type === 'Literal' || type === 'Identifier' || type === 'ThisExpression') return true;
  if (type === 'MemberExpression') return isSimple(object);
  if (type === 'ChainExpression' || type === 'TSAsExpression') return isSimple(expression);
  if (type === 'BinaryExpression' || type === 'LogicalExpression') return isSimple(left) && isSimple(right);
  return type === 'UnaryExpression' && isSimple(argument);
}

/** The callbacks that a call hands to Node or undici. */
function callbacksOf(call: Node): readonly Node[] {
  const { callee, arguments: given = [] } = call;
  const name = nameOf(callee);
  if (listens.has(name)) return callee?.type === 'MemberExpression' ? given.slice(1, 2) : [];
  if (defers.has(name)) return given.slice(0, 1);
  const isOurs = callee?.property?.type === 'PrivateIdentifier' || isClock(callee as Node);
  if (!takesCallback.has(name) || isOurs) return [];
  if (name !== 'createServer') return given.filter(isFunction);
  const options = given.flatMap(({ type, properties }) => (type === 'ObjectExpression' ? (properties ?? []) : []));
  return [...given, ...options.flatMap(({ value }) => value ?? [])].filter(isFunction);
}

const message = 'Give Node a guarded callback: bugs.guard(where, callback, cleanUp), or one whose body is one try.';

function create(context: Context): Record<string, (node: Node) => void> {
  const functions = new Functions();
  const suspects: { readonly node: Node; readonly call: string }[] = [];
  const suspect = (call: string, ...nodes: readonly (Node | null | undefined)[]): void => {
    for (const node of nodes) if (node !== null && node !== undefined) suspects.push({ node, call });
  };
  const inClass = (node: Node): void => {
    const members = (node.body as Node).body as readonly Node[];
    const isHandler = members.some(({ key }) => nameOf(key) === 'onResponseStart');
    const isStream = streams.has(nameOf(node.superClass));
    for (const { key, value } of members) {
      const name = nameOf(key);
      functions.add(name, value);
      const isCalled = (isHandler && /^on[A-Z]/.test(name)) || (isStream && streamMethods.has(name.replace(/^_/, '')));
      if (isCalled) suspect(name, value);
    }
  };
  return {
    CallExpression: (node) => suspect(nameOf(node.callee), ...callbacksOf(node)),
    NewExpression(node) {
      if (!streams.has(nameOf(node.callee))) return;
      const [options] = node.arguments ?? [];
      for (const { key, value } of options?.properties ?? [])
        if (streamMethods.has(nameOf(key))) suspect(nameOf(key), value);
    },
    ClassDeclaration: inClass,
    ClassExpression: inClass,
    FunctionDeclaration: (node) => functions.add(nameOf(node.id), node),
    AssignmentExpression({ left, right }) {
      if (left?.object?.type === 'ThisExpression' && right?.type === 'CallExpression')
        functions.add(nameOf(left), right);
    },
    VariableDeclarator: (node) => functions.add(nameOf(node.id), node.init),
    'Program:exit'() {
      for (const { node, call } of suspects) {
        const isAllowed = allowed.some((one) => one.call === call && context.filename.endsWith(one.file));
        if (!isAllowed && !functions.isSafe(node)) context.report({ node, message });
      }
    },
  };
}

export default { meta: { name: 'rampart' }, rules: { 'guarded-callbacks': { create } } };
