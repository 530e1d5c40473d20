// SPDX-License-Identifier: Apache-2.0
//
// cpp N: N times a call of each of some functions with names that only C++ has.
#include <cstdio>
#include <cstdlib>
#include <string>

#define ENTRY __attribute__((noinline))

namespace ns {
struct Base {
	int base_id;
	virtual ~Base() {}
	virtual int over(int k);
};
ENTRY int Base::over(int k) { return base_id + k; }

class Class : public Base {
public:
	int x;
	std::string name;
	Class(int a) : x(a), name("abc") { base_id = 42; }
	int method(int a) const;
	int method(const char *s, long n);
	static int by_value(Class &c, Class by); // not to be copied bit by bit: by reference in the machine code
	int over(int k) override;
};
ENTRY int Class::method(int a) const { return x + a; }
ENTRY int Class::method(const char *s, long n) { return s[0] + (int)n + x; }
ENTRY int Class::by_value(Class &c, Class by) { return c.x + by.x; }
ENTRY int Class::over(int k) { return x * k; }

namespace {
ENTRY int hidden(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}
}
int call(int a) { return hidden(a); }
}

template <typename T> ENTRY T greater(T a, T b) { return a > b ? a : b; }

struct Op {
	int v;
	int operator()(int a) const;
	Op operator+(const Op &o) const;
};
ENTRY int Op::operator()(int a) const { return v + a; }
ENTRY Op Op::operator+(const Op &o) const { return Op{v + o.v}; }

extern "C" ENTRY int plain(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1, sum = 0;
	char text[] = "zz";

	printf("pid 0\n");
	for (int i = 0; i < n; i++) {
		ns::Class c(5);
		const ns::Class &k = c;
		ns::Base *b = &c;
		Op o{3};

		sum += k.method(1) + c.method(text, 7) + ns::Class::by_value(c, c) + b->over(3) + ns::call(9) + greater<int>(3, 4) +
		       (int)greater<long>(7, 8) + o(4) + (o + o).v + plain(6);
	}
	return sum == 0;
}
