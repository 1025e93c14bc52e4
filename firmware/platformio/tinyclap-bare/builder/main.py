"""SCons script of the platform: compiler, flags, linker script and size check for the board of the environment.

Everything about the board stands in the project's boards/NAME.json, written from the board's memory regions:
build.zig / build.gcc: flags of the core; build.ldscript: path in the project; build.regions: for the size check.
`board_build.toolchain = zig | gcc` in platformio.ini, or the environment variable TINYCLAP_TOOLCHAIN, chooses the compiler.
"""

import importlib.util
import os
import shutil
import sys

from SCons.Script import COMMAND_LINE_TARGETS, AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()

C_FLAGS = ["-std=c11"]
COMMON_FLAGS = ["-O2", "-g", "-Wall", "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-fno-common"]
ZIG_FLAGS = ["-fno-sanitize=undefined", "-fno-stack-protector"]


def fail(fact, hint):
    """Ends the build as the command line of tinyclap-edge would."""
    sys.stderr.write("error: %s\nhint: %s\n" % (fact, hint))
    env.Exit(3)


def zig_command():
    """How zig is run here, or None."""
    if importlib.util.find_spec("ziglang") is not None:
        return '"$PYTHONEXE" -m ziglang'
    path = shutil.which("zig")
    return '"%s"' % path if path else None


def choose():
    """(name, cc, ar, ranlib) of the compiler."""
    asked = os.environ.get("TINYCLAP_TOOLCHAIN") or board.get("build.toolchain", "")
    if asked not in ("", "zig", "gcc"):
        fail("unknown toolchain %r" % asked, "zig or gcc, in board_build.toolchain or TINYCLAP_TOOLCHAIN")
    zig = zig_command()
    prefix = board.get("build.gcc.prefix")
    gcc = shutil.which(prefix + "gcc")
    if asked == "zig" and not zig:
        fail("no zig compiler is installed", "pip install ziglang")
    if asked == "gcc" and not gcc:
        fail("%sgcc is not installed" % prefix, "apt-get install %s" % board.get("build.gcc.package"))
    if zig and asked != "gcc":
        return "zig", zig + " cc", zig + " ar", zig + " ranlib"
    if gcc:
        return "gcc", prefix + "gcc", prefix + "ar", prefix + "ranlib"
    fail("no compiler for %s is installed" % board.get("build.cpu"), "pip install ziglang")


name, cc, ar, ranlib = choose()
cpu = board.get("build.%s.flags" % name)
script = os.path.join(env.subst("$PROJECT_DIR"), board.get("build.ldscript"))  # absolute: lld does not search LIBPATH
size_tool = os.path.join(env.PioPlatform().get_dir(), "builder", "elf_size.py")
regions = ["%s:%s:%d:%d" % (r["name"], r["kind"], r["address"], r["size"]) for r in board.get("build.regions")]

env.Replace(
    CC=cc,
    LINK=cc,
    AR=ar,
    RANLIB=ranlib,
    ARFLAGS=["rc"],
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
    CFLAGS=C_FLAGS,
    CCFLAGS=cpu + COMMON_FLAGS + (ZIG_FLAGS if name == "zig" else []),
    LINKFLAGS=cpu + ["-nostdlib", "-Wl,--gc-sections", "-Wl,-e,tce_reset", "-Wl,-T," + script],
    LIBS=["compiler_rt" if name == "zig" else "gcc"],
    SIZECHECKCMD=["$PYTHONEXE", size_tool, "$SOURCES"] + regions,  # a list: PlatformIO would split a string at spaces
    SIZEPRINTCMD='"$PYTHONEXE" "%s" --table $SOURCES %s' % (size_tool, " ".join(regions)),
    SIZEPROGREGEXP=r"^flash\s+(\d+)",
    SIZEDATAREGEXP=r"^ram\s+(\d+)",
)
print("tinyclap-bare: %s, %s" % (board.get("build.cpu"), name))

program = env.BuildProgram()
env.Depends(program, script)
env.Depends("checkprogsize", program)
size = env.Alias("size", program, env.VerboseAction("$SIZEPRINTCMD", "Calculating size $SOURCE"))
AlwaysBuild(size)
if os.environ.get("TINYCLAP_UPLOAD"):  # the command that `tinyclap-edge flash` has chosen
    env.Replace(UPLOADCMD=os.environ["TINYCLAP_UPLOAD"])
if "upload" in COMMAND_LINE_TARGETS and not env.get("UPLOADCMD"):
    fail("no tool is chosen to upload with", "tinyclap-edge flash, or upload_command in platformio.ini")
env.AddPlatformTarget("upload", program, [env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE")], "Upload")
Default([program, "checkprogsize"])
