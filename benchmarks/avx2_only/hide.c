/* Shows the programs that load it a processor with AVX2 and nothing newer.

   The constructor asks the kernel to let the CPUID instruction fault (arch_prctl ARCH_SET_CPUID, Linux on x86-64, where
   the processor or the hypervisor has CPUID faulting). The SIGSEGV handler answers in the instruction's place: the real
   answer, without the bits of AVX-512, AVX-VNNI, AVX-IFMA, AVX10 and AMX. The kernel keeps the setting per thread; new
   threads and forks inherit it, and after execve LD_PRELOAD brings this file again. XGETBV cannot be hidden: programs
   that follow Intel's manual look at CPUID first.

   Environment: AVX2_ONLY_COUNT=1 writes at the end how many CPUID instructions were answered. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { ARCH_SET_CPUID = 0x1012 };
typedef int (*sigaction_function)(int, const struct sigaction *, struct sigaction *);

static struct sigaction others;   /* what the program itself wants done on SIGSEGV */
static int active;
static unsigned long answered;

static long let_cpuid_run(unsigned long allowed) {
    long result;  /* by hand: libc's wrapper would touch errno under the program's feet */
    __asm__ volatile("syscall" : "=a"(result) : "a"((long)SYS_arch_prctl), "D"((long)ARCH_SET_CPUID), "S"(allowed)
                     : "rcx", "r11", "memory");
    return result;
}

struct registers { uint32_t a, b, c, d; };

static struct registers real_cpuid(uint32_t leaf, uint32_t subleaf) {
    struct registers r;
    let_cpuid_run(1);
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    let_cpuid_run(0);
    return r;
}

#define BIT(n) (UINT32_C(1) << (n))

static void hide(uint32_t leaf, uint32_t subleaf, struct registers *r) {
    if (leaf == 7 && subleaf == 0) {
        /* F, DQ, IFMA, PF, ER, CD, BW, VL */
        r->b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
        r->c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));  /* VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
        /* 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, FP16, AMX-TILE, AMX-INT8 */
        r->d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
    } else if (leaf == 7 && subleaf == 1) {
        r->a &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23));  /* AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA */
        /* AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10, APX */
        r->d &= ~(BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19) | BIT(21));
    } else if (leaf == 0xD && subleaf == 0) {
        r->a &= BIT(0) | BIT(1) | BIT(2) | BIT(9);  /* x87, SSE, AVX, PKRU: no opmask, ZMM or tile state */
        r->c = 2696;                                /* end of PKRU's area, the last that is left */
    } else if (leaf == 0xD && subleaf >= 2 && subleaf != 2 && subleaf != 9) {
        uint32_t supervisor = r->c & 1;
        if (!supervisor) r->a = r->b = r->c = r->d = 0;
    } else if (leaf == 0x1D || leaf == 0x1E || leaf == 0x24) {  /* tiles, their multiplier, AVX10 */
        r->a = r->b = r->c = r->d = 0;
    }
}

static void pass_on(int number, siginfo_t *info, void *context) {
    if (others.sa_flags & SA_SIGINFO && others.sa_sigaction) {
        others.sa_sigaction(number, info, context);
    } else if (others.sa_handler != SIG_DFL && others.sa_handler != SIG_IGN) {
        others.sa_handler(number);
    } else {  /* the instruction runs again, and now it is fatal */
        struct sigaction fatal;
        memset(&fatal, 0, sizeof fatal);
        fatal.sa_handler = SIG_DFL;
        sigaction_function real = (sigaction_function)dlsym(RTLD_NEXT, "sigaction");
        real(SIGSEGV, &fatal, NULL);
        if (info->si_code <= 0) raise(number);  /* sent by someone, so no instruction would bring it again */
    }
}

static void on_fault(int number, siginfo_t *info, void *context) {
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)g[REG_RIP];
    /* A general-protection fault has no address and its instruction could be read: it was fetched. */
    if (info->si_code != SI_KERNEL || code[0] != 0x0F || code[1] != 0xA2) {
        pass_on(number, info, context);
        return;
    }
    uint32_t leaf = (uint32_t)g[REG_RAX], subleaf = (uint32_t)g[REG_RCX];
    struct registers r = real_cpuid(leaf, subleaf);
    hide(leaf, subleaf, &r);
    g[REG_RAX] = r.a, g[REG_RBX] = r.b, g[REG_RCX] = r.c, g[REG_RDX] = r.d;
    g[REG_RIP] += 2;
    __atomic_fetch_add(&answered, 1, __ATOMIC_RELAXED);
}

/* A program that asks for SIGSEGV gets it for all faults but ours. */
int sigaction(int number, const struct sigaction *wanted, struct sigaction *before) {
    sigaction_function real = (sigaction_function)dlsym(RTLD_NEXT, "sigaction");
    if (!active || number != SIGSEGV) return real(number, wanted, before);
    struct sigaction old = others;
    if (wanted) others = *wanted;
    if (before) *before = old;
    return 0;
}

/* The older call for the same; the compiler's own programs use it. */
sighandler_t signal(int number, sighandler_t handler) {
    struct sigaction wanted, before;
    memset(&wanted, 0, sizeof wanted);
    wanted.sa_handler = handler;
    wanted.sa_flags = SA_RESTART;
    return sigaction(number, &wanted, &before) == 0 ? before.sa_handler : SIG_ERR;
}

static void report(void) {
    if (getenv("AVX2_ONLY_COUNT")) fprintf(stderr, "avx2_only: %lu CPUID answered\n", answered);
}

__attribute__((constructor(101))) static void start(void) {
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigaction_function real = (sigaction_function)dlsym(RTLD_NEXT, "sigaction");
    if (!real || real(SIGSEGV, &ours, &others) != 0 || let_cpuid_run(0) != 0) {
        fprintf(stderr, "avx2_only: this kernel or processor cannot let CPUID fault\n");
        _exit(125);
    }
    active = 1;
    atexit(report);
}
