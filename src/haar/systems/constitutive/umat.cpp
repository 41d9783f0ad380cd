// A learned law as Abaqus calls a UMAT: strain in, stress and tangent (column-major) out; no Python is run.
// The package is written by `haar constitutive export LAW --compile law.pt2`; its notation is Abaqus's own:
// 11 22 33 12 13 23, engineering shear strains. Set HAAR_LAW to the package's path.
#include <ATen/ATen.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <cstdio>
#include <cstdlib>
#include <vector>

using at::Tensor;

static torch::inductor::AOTIModelPackageLoader& law() {
  static torch::inductor::AOTIModelPackageLoader loaded(std::getenv("HAAR_LAW"));  // once a process
  return loaded;
}

extern "C" void umat_(double* stress, double* statev, double* ddsdde, double* sse, double* spd, double* scd,
                      double* rpl, double* ddsddt, double* drplde, double* drpldt, const double* stran,
                      const double* dstran, const double* time, const double* dtime, const double* temp,
                      const double* dtemp, const double* predef, const double* dpred, const char* cmname,
                      const int* ndi, const int* nshr, const int* ntens, const int* nstatv, const double* props,
                      const int* nprops, const double* coords, const double* drot, double* pnewdt,
                      const double* celent, const double* dfgrd0, const double* dfgrd1, const int* noel,
                      const int* npt, const int* layer, const int* kspt, const int* kstep, const int* kinc) {
  const int n = *ntens;
  Tensor strain = at::empty({1, n}, at::kDouble);
  for (int i = 0; i < n; ++i) strain.data_ptr<double>()[i] = stran[i] + dstran[i];  // at the end of the increment
  std::vector<Tensor> inputs{strain};
  if (*nstatv > 0) inputs.push_back(at::from_blob(statev, {1, *nstatv}, at::kDouble).clone());
  const std::vector<Tensor> out = law().run(inputs);
  const Tensor S = out[0].contiguous(), C = out[1].mT().contiguous();  // Fortran's order of a matrix
  std::copy_n(S.data_ptr<double>(), n, stress);
  std::copy_n(C.data_ptr<double>(), n * n, ddsdde);
  if (*nstatv > 0) std::copy_n(out[2].contiguous().data_ptr<double>(), *nstatv, statev);
}

// A caller to try it with: every line of standard input is a strain increment of one path; total strain is kept here.
int main(int count, char** words) {
  const int n = count > 1 ? std::atoi(words[1]) : 6, states = count > 2 ? std::atoi(words[2]) : 0;
  std::vector<double> stress(n), state(states), tangent(n * n), strain(n), step(n);
  while (true) {
    for (double& value : step)
      if (std::scanf("%lf", &value) != 1) return 0;
    umat_(stress.data(), state.data(), tangent.data(), 0, 0, 0, 0, 0, 0, 0, strain.data(), step.data(), 0, 0, 0, 0, 0,
          0, 0, 0, 0, &n, &states, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    for (int i = 0; i < n; ++i) strain[i] += step[i];
    for (double value : stress) std::printf("%.17g ", value);
    for (double value : tangent) std::printf("%.17g ", value);
    std::printf("\n");
  }
}
