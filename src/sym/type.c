/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types from debug information. The language has numbers, pointers, arrays, structs and enums; qualifiers and
 * typedefs are seen through, but for the name that a typedef gives to a struct without one. What the language has no
 * type for (floating-point numbers, numbers of 128 bits, pointers to members) is bytes of the right size, marked
 * where a calling convention must know (type.is_float).
 *
 * A struct is made with name and size, and completed when somebody looks inside, like those of the kernel. Every
 * unit of a C program describes the structs of a header again: two descriptions of one name, size and line are one
 * type, so that functions of different files have the same arguments. A declaration without members is completed by
 * a definition elsewhere in the file.
 *
 * C++: a base class is a member without a name, whose members are found as if they were the struct's own. References
 * are pointers.
 *
 * Invariants as in dwarf.c. A struct is completed only when what it holds by value is a tree of bounded size: so no
 * type holds itself.
 */
#include "sym/dwarf_priv.h"

/* -- names -- */

static struct str type_key(const void *p, size_t n, struct arena *a)
{
	return (struct str){ arena_strndup(a, p, n), (uint32_t)n };
}

static char type_keyword(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type: case DW_TAG_class_type: return 's';
	case DW_TAG_union_type: return 'u';
	case DW_TAG_enumeration_type: return 'e';
	case DW_TAG_typedef: case DW_TAG_base_type: return 't';
	default: return 0;
	}
}

static void type_note_name(struct sym_dwarf *d, char keyword, const char *name, Dwarf_Die *die)
{
	const char *key = arena_printf(d->a, "%c%s", keyword, name);
	if (!*name || map_get(&d->names, str_of(key)))
		return;
	Dwarf_Die *copy = arena_new(d->a, Dwarf_Die);
	*copy = *die;
	map_put(d->a, &d->names, str_of(key), copy);
}

/* The constants of an enum lead to it. */
static void type_note_constants(struct sym_dwarf *d, Dwarf_Die *type)
{
	Dwarf_Die v;
	if (d->dw->dwarf_child(type, &v) != 0)
		return;
	do {
		type_note_name(d, 'c', dwarf_name(d, &v), type);
	} while (dwarf_next(d, &v));
}

/* Definitions by keyword and name: of each name the first. */
static void type_note(struct sym_dwarf *d, Dwarf_Die *scope, unsigned depth)
{
	Dwarf_Die die;
	if (depth > DWARF_DEPTH || d->dw->dwarf_child(scope, &die) != 0)
		return;
	do {
		int tag = d->dw->dwarf_tag(&die);
		char keyword = type_keyword(tag);
		if (keyword && !d->dw->dwarf_hasattr(&die, DW_AT_declaration))
			type_note_name(d, keyword, dwarf_name(d, &die), &die);
		if (keyword == 'e')
			type_note_constants(d, &die);
		if (tag == DW_TAG_namespace || keyword == 's' || keyword == 'u')
			type_note(d, &die, depth + 1);
	} while (dwarf_next(d, &die));
}

static Dwarf_Die *type_definition(struct sym_dwarf *d, char keyword, struct str name)
{
	if (!d->names_read) {
		d->names_read = true;
		dwarf_read_units(d);
		for (uint32_t i = 0; i < d->units.n; i++)
			type_note(d, &d->units.v[i].die, 0);
	}
	return map_get(&d->names, str_of(arena_printf(d->a, "%c%.*s", keyword, STR_FMT(name))));
}

struct type *sym_dwarf_type(struct sym_dwarf *d, char keyword, struct str name)
{
	if (name.len > 4096)
		return NULL;
	static const char order[] = { 't', 's', 'u', 'e' };
	for (size_t i = 0; i < sizeof(order); i++) {
		Dwarf_Die *die = keyword && keyword != order[i] ? NULL : type_definition(d, order[i], name);
		if (die)
			return dwarf_type(d, die, 0);
	}
	return NULL;
}

bool sym_dwarf_constant(struct sym_dwarf *d, struct str name, int64_t *ret, struct type **ret_enum)
{
	Dwarf_Die *die = name.len <= 4096 ? type_definition(d, 'c', name) : NULL;
	struct type *t = die ? dwarf_type(d, die, 0) : NULL;
	for (uint32_t i = 0; t && i < t->values.n; i++) {
		if (!str_eq(t->values.v[i].name, name))
			continue;
		*ret = t->values.v[i].value;
		*ret_enum = t;
		return true;
	}
	return false;
}

/* -- single types -- */

/* Behind qualifiers and typedefs. *ret_name: the outermost typedef's name. false: void, or nothing that makes sense. */
static bool type_peel(struct sym_dwarf *d, Dwarf_Die *die, const char **ret_name)
{
	for (unsigned i = 0; i < DWARF_PEEL; i++) {
		switch (d->dw->dwarf_tag(die)) {
		case DW_TAG_typedef:
			if (ret_name && !*ret_name)
				*ret_name = dwarf_name(d, die);
			break;
		case DW_TAG_const_type: case DW_TAG_volatile_type: case DW_TAG_restrict_type: case DW_TAG_atomic_type:
		case DW_TAG_packed_type: case DW_TAG_immutable_type: case DW_TAG_shared_type:
			break;
		case -1: case 0:
			return false;
		default:
			return true;
		}
		if (!dwarf_follow(d, die, DW_AT_type, die))
			return false;
	}
	return false;
}

static struct type *type_bytes(struct sym_dwarf *d, uint64_t size)
{
	return type_array(d->a, type_int(d->a, 1, false), size <= DWARF_SIZE ? (uint32_t)size : 0);
}

static struct type *type_float(struct sym_dwarf *d, const char *name, uint64_t size, enum type_float kind)
{
	struct type *t = type_bytes(d, size);
	t->name = str_of(arena_strdup(d->a, name));
	t->is_float = (uint8_t)kind;
	return t;
}

static struct type *type_base(struct sym_dwarf *d, Dwarf_Die *die)
{
	uint64_t size = 0, enc = 0;
	const char *name = dwarf_name(d, die);
	dwarf_number(d, die, DW_AT_byte_size, &size);
	dwarf_number(d, die, DW_AT_encoding, &enc);
	switch (enc) {
	case DW_ATE_float: case DW_ATE_decimal_float: case DW_ATE_imaginary_float:
		return type_float(d, name, size, size <= 8 ? FLOAT_SSE : strncmp(name, "long double", 11) == 0 ? FLOAT_X87 : FLOAT_WIDE);
	case DW_ATE_complex_float:
		return type_float(d, name, size, size <= 8 ? FLOAT_SSE : size <= 16 ? FLOAT_PAIR : FLOAT_X87);
	case DW_ATE_boolean:
		if (size == 1)
			return type_bool(d->a);
		break;
	default:
		break;
	}
	if (size == 1 || size == 2 || size == 4 || size == 8)
		return type_int(d->a, (unsigned)size, enc == DW_ATE_signed || enc == DW_ATE_signed_char || enc == DW_ATE_signed_fixed);
	return size == 16 ? type_array(d->a, type_int(d->a, 8, false), 2) : type_bytes(d, size);
}

static uint32_t type_align(uint32_t size)
{
	return size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : size % 2 == 0 ? 2 : 1;
}

static void type_values(struct sym_dwarf *d, Dwarf_Die *die, struct type *t)
{
	Dwarf_Die v;
	bool negative = false;
	if (d->dw->dwarf_child(die, &v) != 0)
		return;
	do {
		Dwarf_Attribute at;
		Dwarf_Sword x;
		Dwarf_Word u;
		const char *name = dwarf_name(d, &v);
		if (d->dw->dwarf_tag(&v) != DW_TAG_enumerator || !d->dw->dwarf_attr(&v, DW_AT_const_value, &at) || !*name)
			continue;
		/* a constant of 1, 2 or 4 bytes does not say whether it has a sign; when one is negative, they all have */
		switch (d->dw->dwarf_whatform(&at)) {
		case DW_FORM_data1: case DW_FORM_data2: case DW_FORM_data4: case DW_FORM_data8: case DW_FORM_udata:
			if (d->dw->dwarf_formudata(&at, &u) != 0)
				continue;
			x = (Dwarf_Sword)u;
			break;
		default:
			if (d->dw->dwarf_formsdata(&at, &x) != 0)
				continue;
			negative |= x < 0;
		}
		vec_push(d->a, &t->values, ((struct enum_value){ str_of(arena_strdup(d->a, name)), x }));
	} while (t->values.n < DWARF_MEMBERS && dwarf_next(d, &v));
	t->is_signed |= negative;
}

/* One object for all descriptions of one definition. */
static struct type *type_named(struct sym_dwarf *d, Dwarf_Die *die, char keyword, const char *name, uint64_t size)
{
	uint64_t line = 0;
	bool declared = d->dw->dwarf_hasattr(die, DW_AT_declaration), anonymous = !*name;
	struct dwarf_made m = { d, *die };
	dwarf_number(d, die, DW_AT_decl_line, &line);
	const char *key = arena_printf(d->a, "%c%s %llu %llu %d", keyword, name, (unsigned long long)size, (unsigned long long)line, declared);
	struct type *t = anonymous ? NULL : map_get(&d->named, str_of(key));
	if (t)
		return t;
	t = type_new(d->a, keyword == 'e' ? T_ENUM : T_STRUCT, size <= DWARF_SIZE ? (uint32_t)size : 0, 1);
	t->name = str_of(arena_strdup(d->a, name));
	t->align = type_align(t->size);
	t->is_union = keyword == 'u';
	t->maker = &d->maker;
	t->origin = TYPE_ORIGIN_DEBUG + d->set->types.n;
	vec_push(d->a, &d->set->types, m);
	if (!anonymous)
		map_put(d->a, &d->named, str_of(key), t);
	return t;
}

static struct type *type_struct(struct sym_dwarf *d, Dwarf_Die *die, const char *alias, unsigned depth)
{
	char keyword = type_keyword(d->dw->dwarf_tag(die));
	const char *name = dwarf_name(d, die);
	uint64_t size = 0;
	bool sized = dwarf_number(d, die, DW_AT_byte_size, &size);
	if (!sized && *name && dwarf_flag(d, die, DW_AT_declaration) && depth < DWARF_DEPTH) {
		Dwarf_Die *full = type_definition(d, keyword, str_of(name));
		if (full && full->addr != die->addr)
			return dwarf_type(d, full, DWARF_DEPTH); /* needs no depth */
	}
	return type_named(d, die, keyword, !*name && alias ? alias : name, size);
}

static struct type *type_enum(struct sym_dwarf *d, Dwarf_Die *die, const char *alias)
{
	const char *name = dwarf_name(d, die);
	uint64_t size = 4;
	Dwarf_Die under;
	dwarf_number(d, die, DW_AT_byte_size, &size);
	if (size != 1 && size != 2 && size != 8)
		size = 4;
	struct type *t = type_named(d, die, 'e', !*name && alias ? alias : name, size);
	if (t->complete)
		return t;
	t->complete = true;
	if (dwarf_follow(d, die, DW_AT_type, &under) && type_peel(d, &under, NULL) && d->dw->dwarf_tag(&under) == DW_TAG_base_type)
		t->is_signed = type_base(d, &under)->is_signed;
	type_values(d, die, t);
	return t;
}

/* Dimensions from the last to the first. */
static struct type *type_array_of(struct sym_dwarf *d, Dwarf_Die *die, unsigned depth)
{
	uint64_t counts[16];
	uint32_t n = 0;
	Dwarf_Die sub;
	struct type *t = dwarf_type_of(d, die, depth + 1);
	if (t->kind == T_VOID || t->kind == T_FUNC)
		return type_bytes(d, 0);
	if (d->dw->dwarf_child(die, &sub) == 0) {
		do {
			Dwarf_Attribute at;
			Dwarf_Sword upper;
			int tag = d->dw->dwarf_tag(&sub);
			if (tag != DW_TAG_subrange_type && tag != DW_TAG_generic_subrange)
				continue;
			counts[n] = 0;
			if (!dwarf_number(d, &sub, DW_AT_count, &counts[n]) && d->dw->dwarf_attr(&sub, DW_AT_upper_bound, &at) &&
			    d->dw->dwarf_formsdata(&at, &upper) == 0 && upper >= 0)
				counts[n] = (uint64_t)upper + 1;
			n++;
		} while (n < 16 && dwarf_next(d, &sub));
	}
	if (dwarf_flag(d, die, DW_AT_GNU_vector))
		return n && counts[0] <= 4096 ? type_float(d, "vector", counts[0] * t->size, counts[0] * t->size <= 8 ? FLOAT_SSE : FLOAT_WIDE) :
						type_bytes(d, 0);
	if (!n)
		return type_array(d->a, t, 0);
	while (n--) {
		if (counts[n] > DWARF_SIZE || (t->size && counts[n] * t->size > DWARF_SIZE))
			return type_bytes(d, 0);
		t = t->kind == T_INT && t->size == 1 && counts[n] ? type_string(d->a, (uint32_t)counts[n]) :
								      type_array(d->a, t, (uint32_t)counts[n]);
	}
	return t;
}

static struct type *type_make(struct sym_dwarf *d, Dwarf_Die *die, const char *alias, unsigned depth)
{
	uint64_t size = 8;
	switch (d->dw->dwarf_tag(die)) {
	case DW_TAG_base_type:
		return type_base(d, die);
	case DW_TAG_pointer_type: case DW_TAG_reference_type: case DW_TAG_rvalue_reference_type:
		return type_ptr(d->a, depth < DWARF_DEPTH ? dwarf_type_of(d, die, depth + 1) : type_new(d->a, T_VOID, 0, 1), AS_USER);
	case DW_TAG_structure_type: case DW_TAG_class_type: case DW_TAG_union_type:
		return type_struct(d, die, alias, depth);
	case DW_TAG_enumeration_type:
		return type_enum(d, die, alias);
	case DW_TAG_array_type:
		return depth < DWARF_DEPTH ? type_array_of(d, die, depth) : type_bytes(d, 0);
	case DW_TAG_subroutine_type:
		return type_new(d->a, T_FUNC, 0, 1);
	case DW_TAG_ptr_to_member_type: /* of a member: its offset; of a function: two words */
		return dwarf_follow(d, die, DW_AT_type, &(Dwarf_Die){ 0 }) && dwarf_number(d, die, DW_AT_byte_size, &size) && size == 16 ?
			       type_array(d->a, type_int(d->a, 8, false), 2) : type_int(d->a, 8, true);
	case DW_TAG_subrange_type:
		return depth < DWARF_DEPTH ? dwarf_type_of(d, die, depth + 1) : type_int(d->a, 8, true);
	case DW_TAG_unspecified_type: /* decltype(nullptr), or nothing */
		return strstr(dwarf_name(d, die), "nullptr") ? type_ptr(d->a, type_new(d->a, T_VOID, 0, 1), AS_USER) : type_new(d->a, T_VOID, 0, 1);
	default:
		return dwarf_number(d, die, DW_AT_byte_size, &size) ? type_bytes(d, size) : type_new(d->a, T_VOID, 0, 1);
	}
}

struct type *dwarf_type(struct sym_dwarf *d, Dwarf_Die *at, unsigned depth)
{
	Dwarf_Die die = *at;
	const char *alias = NULL;
	if (depth > DWARF_DEPTH || !dwarf_visit(d) || !type_peel(d, &die, &alias))
		return type_new(d->a, T_VOID, 0, 1);
	struct str key = type_key(&die.addr, sizeof(die.addr), d->a);
	struct type *t = map_get(&d->made, key);
	if (t)
		return t;
	t = type_make(d, &die, alias, depth);
	map_put(d->a, &d->made, key, t);
	return t;
}

struct type *dwarf_type_of(struct sym_dwarf *d, Dwarf_Die *die, unsigned depth)
{
	Dwarf_Attribute at;
	Dwarf_Die type;
	if (!d->dw->dwarf_attr_integrate(die, DW_AT_type, &at) || !d->dw->dwarf_formref_die(&at, &type))
		return type_new(d->a, T_VOID, 0, 1);
	return dwarf_type(d, &type, depth);
}

/* -- C++ -- */

/* A constructor or destructor that the programmer wrote. */
static bool type_own_copy(struct sym_dwarf *d, Dwarf_Die *fn, const char *class_name)
{
	Dwarf_Die p;
	uint64_t how = 0;
	const char *name = dwarf_name(d, fn);
	uint32_t n = 0;
	bool same = false;
	if (dwarf_flag(d, fn, DW_AT_artificial) || (dwarf_number(d, fn, DW_AT_defaulted, &how) && how == DW_DEFAULTED_in_class))
		return false;
	if (*name == '~')
		return true;
	if (strcmp(name, class_name) != 0 || d->dw->dwarf_child(fn, &p) != 0)
		return false;
	do { /* of one argument, a reference to the same class */
		Dwarf_Die type, to;
		if (d->dw->dwarf_tag(&p) != DW_TAG_formal_parameter || dwarf_flag(d, &p, DW_AT_artificial))
			continue;
		int tag = dwarf_follow(d, &p, DW_AT_type, &type) ? d->dw->dwarf_tag(&type) : 0;
		same = (tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type) && dwarf_follow(d, &type, DW_AT_type, &to) &&
		       type_peel(d, &to, NULL) && strcmp(dwarf_name(d, &to), class_name) == 0;
		n++;
	} while (n < 2 && dwarf_next(d, &p));
	return n == 1 && same;
}

/* Newer compilers say it; for older ones it follows from what the class declares and from its members. */
bool dwarf_by_reference(struct sym_dwarf *d, Dwarf_Die *type, unsigned depth)
{
	Dwarf_Die die = *type, m;
	uint64_t v;
	if (depth > 8 || !type_peel(d, &die, NULL))
		return false;
	int tag = d->dw->dwarf_tag(&die);
	if (tag == DW_TAG_array_type)
		return dwarf_follow(d, &die, DW_AT_type, &m) && dwarf_by_reference(d, &m, depth + 1);
	if (tag != DW_TAG_class_type && tag != DW_TAG_structure_type && tag != DW_TAG_union_type)
		return false;
	if (dwarf_number(d, &die, DW_AT_calling_convention, &v) && (v == DW_CC_pass_by_reference || v == DW_CC_pass_by_value))
		return v == DW_CC_pass_by_reference;
	if (d->dw->dwarf_child(&die, &m) != 0)
		return false;
	do {
		Dwarf_Die of;
		switch (d->dw->dwarf_tag(&m)) {
		case DW_TAG_subprogram:
			if ((dwarf_number(d, &m, DW_AT_virtuality, &v) && v) || type_own_copy(d, &m, dwarf_name(d, &die)))
				return true;
			break;
		case DW_TAG_inheritance:
			if (dwarf_number(d, &m, DW_AT_virtuality, &v) && v)
				return true;
			__attribute__((fallthrough));
		case DW_TAG_member:
			if (!dwarf_flag(d, &m, DW_AT_external) && dwarf_follow(d, &m, DW_AT_type, &of) && dwarf_by_reference(d, &of, depth + 1))
				return true;
			break;
		default:
			break;
		}
	} while (dwarf_next(d, &m));
	return false;
}

/* -- members -- */

/* By value, at any depth, no more than so many members, and none that holds itself. */
static bool member_tree(struct sym_dwarf *d, Dwarf_Die *type, unsigned depth, uint32_t *budget)
{
	Dwarf_Die die = *type, m, of;
	if (depth > DWARF_DEPTH || *budget == 0 || !dwarf_visit(d))
		return false;
	--*budget;
	if (!type_peel(d, &die, NULL))
		return true;
	int tag = d->dw->dwarf_tag(&die);
	if (tag == DW_TAG_array_type)
		return !dwarf_follow(d, &die, DW_AT_type, &of) || member_tree(d, &of, depth + 1, budget);
	if (tag != DW_TAG_structure_type && tag != DW_TAG_class_type && tag != DW_TAG_union_type)
		return true;
	if (d->dw->dwarf_child(&die, &m) != 0)
		return true;
	do {
		int t = d->dw->dwarf_tag(&m);
		if ((t == DW_TAG_member || t == DW_TAG_inheritance) && dwarf_follow(d, &m, DW_AT_type, &of) &&
		    !member_tree(d, &of, depth + 1, budget))
			return false;
	} while (dwarf_next(d, &m));
	return true;
}

/* Bytes from the start; false: it has no fixed place. */
static bool member_offset(struct sym_dwarf *d, Dwarf_Die *m, uint64_t *ret)
{
	Dwarf_Attribute at;
	Dwarf_Op *op;
	size_t n;
	*ret = 0;
	if (!d->dw->dwarf_attr(m, DW_AT_data_member_location, &at))
		return true;
	if (d->dw->dwarf_formudata(&at, ret) == 0)
		return true;
	if (d->dw->dwarf_getlocation(&at, &op, &n) != 0 || n != 1 || (op->atom != DW_OP_plus_uconst && op->atom != DW_OP_constu))
		return false;
	*ret = op->number;
	return true;
}

/* A bit-field lies in a unit of its type's size, as compilers read it; else from the byte where it begins. */
static bool member_bits(struct sym_dwarf *d, struct field *f, uint64_t bit, uint64_t n_bits, uint32_t struct_size)
{
	uint32_t size = f->type->size;
	if (!(type_is_int(f->type) || f->type->kind == T_BOOL) || n_bits > 64 || !size || bit / 8 >= struct_size)
		return false;
	uint64_t at = bit / (size * 8) * size;
	if (bit - at * 8 + n_bits > size * 8 || at + size > struct_size) {
		at = bit / 8;
		while (bit - at * 8 + n_bits > size * 8 && size < 8)
			size *= 2;
		if (at + size > struct_size && struct_size >= size)
			at = struct_size - size;
		if (size != f->type->size)
			f->type = type_int(d->a, size, f->type->is_signed);
	}
	if (bit - at * 8 + n_bits > size * 8 || at + size > struct_size)
		return false;
	f->offset = (uint32_t)at;
	f->bit_offset = (uint8_t)(bit - at * 8);
	f->bit_size = (uint8_t)n_bits;
	return true;
}

static void member_add(struct sym_dwarf *d, struct type *t, Dwarf_Die *m)
{
	uint64_t at, bits = 0, first, unit;
	bool base = d->dw->dwarf_tag(m) == DW_TAG_inheritance;
	struct field f = { .name = str_of(base ? "" : arena_strdup(d->a, dwarf_name(d, m))), .type = dwarf_type_of(d, m, 1) };
	if (f.type->kind == T_VOID || f.type->kind == T_FUNC || !member_offset(d, m, &at) || at > t->size)
		return;
	if (dwarf_flag(d, m, DW_AT_external) || dwarf_flag(d, m, DW_AT_declaration)) /* static */
		return;
	f.offset = (uint32_t)at;
	if (dwarf_number(d, m, DW_AT_bit_size, &bits) && bits) {
		if (dwarf_number(d, m, DW_AT_data_bit_offset, &first))
			first += at * 8;
		else if (dwarf_number(d, m, DW_AT_bit_offset, &first)) { /* from the highest bit of the unit */
			unit = f.type->size;
			dwarf_number(d, m, DW_AT_byte_size, &unit);
			if (unit > 8 || first + bits > unit * 8)
				return;
			first = at * 8 + unit * 8 - first - bits;
		} else
			first = at * 8;
		if (first > (uint64_t)t->size * 8 || !member_bits(d, &f, first, bits, t->size))
			return;
	} else if (at + f.type->size > t->size) {
		return;
	}
	if (!f.name.len && f.type->kind != T_STRUCT)
		return;
	if (!f.name.len && !dwarf_complete(&d->maker, f.type))
		return;
	vec_push(d->a, &t->fields, f);
}

bool dwarf_complete(struct type_maker *m, struct type *t)
{
	struct sym_dwarf *d = (struct sym_dwarf *)m;
	if (t->complete)
		return true;
	if (t->origin < TYPE_ORIGIN_DEBUG || t->origin - TYPE_ORIGIN_DEBUG >= d->set->types.n)
		return false;
	Dwarf_Die die = d->set->types.v[t->origin - TYPE_ORIGIN_DEBUG].die, member;
	uint32_t budget = DWARF_MEMBERS;
	if (t->kind != T_STRUCT || dwarf_flag(d, &die, DW_AT_declaration) || !member_tree(d, &die, 0, &budget))
		return false;
	t->complete = true; /* before its members: nothing below may start on it again */
	if (d->dw->dwarf_child(&die, &member) != 0)
		return true;
	do {
		int tag = d->dw->dwarf_tag(&member);
		if (tag == DW_TAG_member || tag == DW_TAG_inheritance)
			member_add(d, t, &member);
	} while (t->fields.n < DWARF_MEMBERS && dwarf_next(d, &member));
	return true;
}
