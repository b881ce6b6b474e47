/**
 * Messages and methods of gRPC, written as tables: a name, and the number and type of each field. The types of messages in
 * TypeScript follow from the tables.
 */

import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMessage,
  type Message,
} from '@bufbuild/protobuf';
import { type GenMessage, type GenService, messageDesc, serviceDesc } from '@bufbuild/protobuf/codegenv2';
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';

/** What the types of all messages are called by. It is on the wire in the names of services alone. */
const PACKAGE = 'etcdserverpb';

/** A field whose value is of this type. */
export interface Field<Value> {
  readonly number: number;
  readonly type: Type;
  readonly label: Label;
  /** The type of a field that is a message. */
  readonly message?: DescMessage;
  /** Never there: it carries the type. */
  readonly value?: Value;
}

/** One of these fields at most. */
export interface Choice<Fields extends Record<string, Field<unknown>>> {
  readonly choice: Fields;
}

type Fields = Record<string, Field<unknown> | Choice<Record<string, Field<unknown>>>>;

type ChoiceValue<Some> =
  | {
      [Name in keyof Some]: Some[Name] extends Field<infer Value> ? { case: Name; value: Value } : never;
    }[keyof Some]
  | { case: undefined; value?: undefined };

/** A message with these fields. */
export type Shape<Name extends string, Some extends Fields> = Message<`etcdserverpb.${Name}`> & {
  [One in keyof Some]: Some[One] extends Choice<infer Parts>
    ? ChoiceValue<Parts>
    : Some[One] extends Field<infer Value>
      ? Value
      : never;
};

export const bytes = (number: number): Field<Uint8Array> => scalar(number, Type.BYTES);
export const text = (number: number): Field<string> => scalar(number, Type.STRING);
export const flag = (number: number): Field<boolean> => scalar(number, Type.BOOL);
/** Up to 32 bits, or the number of an enumeration's value. */
export const small = (number: number): Field<number> => scalar(number, Type.INT32);
/** Up to 64 bits. */
export const large = (number: number): Field<bigint> => scalar(number, Type.INT64);

function scalar<Value>(number: number, type: Type): Field<Value> {
  return { number, type, label: Label.OPTIONAL };
}

/** Bytes again and again, such as messages that were encoded elsewhere. */
export const bytesList = (number: number): Field<Uint8Array[]> => ({
  number,
  type: Type.BYTES,
  label: Label.REPEATED,
});

/** Undefined where it is left out. */
export function one<Of extends Message>(number: number, message: GenMessage<Of>): Field<Of | undefined> {
  return { number, type: Type.MESSAGE, label: Label.OPTIONAL, message };
}

/** One within a choice. */
export function either<Of extends Message>(number: number, message: GenMessage<Of>): Field<Of> {
  return { number, type: Type.MESSAGE, label: Label.OPTIONAL, message };
}

export function list<Of extends Message>(number: number, message: GenMessage<Of>): Field<Of[]> {
  return { number, type: Type.MESSAGE, label: Label.REPEATED, message };
}

export function choice<Some extends Record<string, Field<unknown>>>(some: Some): Choice<Some> {
  return { choice: some };
}

/** Describes the message of this name. */
export function message<Name extends string, Some extends Fields>(
  name: Name,
  fields: Some,
): GenMessage<Shape<Name, Some>> {
  const oneofDecl: { name: string }[] = [];
  const imports: DescMessage[] = [];
  const field = Object.entries(fields).flatMap(([fieldName, what]) => {
    if (!('choice' in what)) return [described(fieldName, what)];
    const oneofIndex = oneofDecl.push({ name: fieldName }) - 1;
    return Object.entries(what.choice).map(([part, one]) => ({ ...described(part, one), oneofIndex }));
  });
  function described(fieldName: string, { number, type, label, message }: Field<unknown>) {
    if (message === undefined) return { name: fieldName, number, type, label };
    imports.push(message);
    return { name: fieldName, number, type, label, typeName: `.${message.typeName}` };
  }
  return messageDesc(fileOf(name, imports, { messageType: [{ name, field, oneofDecl }] }), 0);
}

/** What a method takes and gives: once, or both in streams. */
export interface Method<
  I extends DescMessage,
  O extends DescMessage,
  Kind extends 'unary' | 'bidi_streaming',
> {
  readonly input: I;
  readonly output: O;
  readonly methodKind: Kind;
}

export function unary<I extends DescMessage, O extends DescMessage>(
  input: I,
  output: O,
): Method<I, O, 'unary'> {
  return { input, output, methodKind: 'unary' };
}

export function streaming<I extends DescMessage, O extends DescMessage>(
  input: I,
  output: O,
): Method<I, O, 'bidi_streaming'> {
  return { input, output, methodKind: 'bidi_streaming' };
}

/** Describes the service of this name, with these methods: their names begin with capitals on the wire. */
export function service<
  Methods extends Record<string, Method<DescMessage, DescMessage, 'unary' | 'bidi_streaming'>>,
>(name: string, methods: Methods): GenService<Methods>['method'] {
  const all = Object.entries(methods);
  const method = all.map(([methodName, { input, output, methodKind }]) => ({
    name: methodName.charAt(0).toUpperCase() + methodName.slice(1),
    inputType: `.${input.typeName}`,
    outputType: `.${output.typeName}`,
    clientStreaming: methodKind !== 'unary',
    serverStreaming: methodKind !== 'unary',
  }));
  const imports = all.flatMap(([, { input, output }]) => [input, output]);
  return serviceDesc<Methods>(fileOf(name, imports, { service: [{ name, method }] }), 0).method;
}

/** Each message and service is a file of its own, which imports those that it mentions. */
function fileOf(name: string, imports: readonly DescMessage[], content: object): DescFile {
  const files = new Map(imports.map(({ file }) => [file.proto.name, file]));
  const registry = createFileRegistry(
    create(FileDescriptorProtoSchema, {
      name,
      package: PACKAGE,
      syntax: 'proto3',
      dependency: [...files.keys()],
      ...content,
    }),
    (imported) => files.get(imported),
  );
  const file = registry.getFile(name);
  if (file === undefined) throw new TypeError(`${name} has no description`);
  return file;
}
